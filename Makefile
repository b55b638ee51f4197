# Everything here works with Rust, Python 3.9 or newer (with pip), a C compiler and make; the rest is fetched into .tools/.

PYTHON   ?= python3
FEATURES := --features simulator
CARGO    := cargo
export PATH := $(CURDIR)/.tools/bin:$(PATH)

# nextest runs every test in a process of its own; without it, cargo's own runner does. Many tests wait for a time that Microsoft asked for,
# or for a lease to end: twice as many as there are cores keep them busy.
THREADS := $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
TESTS := $(if $(shell command -v cargo-nextest),nextest run --no-fail-fast --test-threads $(THREADS),test --no-fail-fast)

.DEFAULT_GOAL := help
.PHONY: help demo run test chaos check sbom fmt bench tools clean-run

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Show the whole story against the tenant simulator, verified; ends by itself
	$(CARGO) build --locked $(FEATURES)
	@NATS_SERVER_BIN="$$($(PYTHON) scripts/tools.py nats)" target/debug/argus-m365 demo

run: ## Leave NATS, the simulator and the connector running; prints the URL and a token; Ctrl-C stops all
	$(CARGO) build --locked $(FEATURES)
	@$(PYTHON) scripts/run.py

test: ## Run every test against real servers (NATS, SQLite, Postgres), then check the recorded Graph traffic
	@$(PYTHON) scripts/with_services.py $(CARGO) $(TESTS) --locked $(FEATURES)

chaos: ## Prove it under every fault, the long form: a million histories of the model, then real processes (about an hour)
	ARGUS_MODEL_HISTORIES=1000000 $(CARGO) test --locked --profile bench-quick $(FEATURES) --lib reconcile::tests -- --nocapture
	@mkdir -p .run && rm -f .run/chaos.txt
	@ARGUS_CHAOS=long ARGUS_CHAOS_TABLE=$(CURDIR)/.run/chaos.txt \
	 $(PYTHON) scripts/with_services.py $(CARGO) test --locked $(FEATURES) --test chaos --test directory_faults -- --test-threads=2; code=$$?; \
	 echo "| fault | store | how many | events | repeated | verdict | seed |"; cat .run/chaos.txt; exit $$code

check: ## What CI runs beside the tests: format, lints, docs, dependencies, bill of materials, manifests, alert rules
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets $(FEATURES) -- -D warnings
	$(CARGO) clippy --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items $(FEATURES)
	@# What other platforms need is looked at, too, and a build for this one has not fetched that.
	@if command -v cargo-deny >/dev/null; then \
	 $(CARGO) fetch --quiet --locked && $(CARGO) deny --offline --locked check bans licenses sources; \
	 else echo "check: cargo-deny is not installed; licences and bans were not checked (make tools)"; fi
	@if command -v cargo-machete >/dev/null; then $(CARGO) machete; \
	 else echo "check: cargo-machete is not installed; unused dependencies were not checked (make tools)"; fi
	@$(PYTHON) scripts/sbom.py target/argus-m365.cdx.json
	@$(PYTHON) scripts/check_documents.py
	@promtool="$$($(PYTHON) scripts/tools.py promtool)"; if [ -x "$$promtool" ]; then \
	 "$$promtool" check rules docs/monitoring/alerts.yml && "$$promtool" test rules docs/monitoring/alerts_test.yml; \
	 else echo "check: promtool could not be had; the alert rules were not checked"; fi

sbom: ## Write what the shipped binary is made of to target/argus-m365.cdx.json (CycloneDX), and check it
	@$(PYTHON) scripts/sbom.py target/argus-m365.cdx.json

fmt: ## Format the source
	$(CARGO) fmt

bench: ## Print what the connector reaches on this machine, beside the bare ceilings (BENCH="intake crowded" picks; optimised build)
	@$(PYTHON) scripts/with_services.py $(CARGO) bench --locked --profile bench-quick $(FEATURES) --bench throughput -- $(BENCH)

tools: ## Fetch all tools into .tools/: NATS, Postgres, cargo-deny, cargo-machete (builds the last two, about three minutes)
	@$(PYTHON) scripts/tools.py
	@command -v cargo-deny >/dev/null || $(CARGO) install --quiet --locked --debug --root .tools cargo-deny@0.20.2
	@command -v cargo-machete >/dev/null || $(CARGO) install --quiet --locked --debug --root .tools cargo-machete@0.9.2

clean-run: ## Remove what `make run` and the tests left in .run/
	rm -rf .run
