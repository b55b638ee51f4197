# syntax=docker/dockerfile:1
# The production image: the connector alone, without the tenant simulator, as a user without rights.

FROM rust:1.95-slim-bookworm AS build
# aws-lc-rs and SQLite are compiled from C.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc g++ make cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# Default features: `simulator` stays out.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin argus-m365 && strip -o /argus-m365 target/release/argus-m365

FROM debian:bookworm-slim
# Certificates for Microsoft's hosts; curl for the health check alone.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates curl && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin argus \
    && install --directory --owner=argus --mode=0700 /data
COPY --from=build /argus-m365 /usr/local/bin/argus-m365
USER argus
# The default store, sqlite://argus-m365.db, lands here: mount a volume, or set database.url to Postgres.
WORKDIR /data
ENV ARGUS_M365__HTTP__LISTEN=0.0.0.0:8080
EXPOSE 8080
# The process is up; whether store and broker are reachable is /readyz, which an orchestrator should ask for routing.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["curl", "--fail", "--silent", "http://127.0.0.1:8080/healthz"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["argus-m365"]
CMD ["serve"]
