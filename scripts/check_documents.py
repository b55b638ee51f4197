#!/usr/bin/env python3
"""Checks what is shipped beside the program: Kubernetes manifests, docker-compose.yml, Prometheus' and Grafana's files, the AsyncAPI
document and the JSON Schemas.

usage: check_documents.py

Every file parses; manifests and compose hold what the documentation promises of them: probes on the right paths, a root that cannot be
written, no rights, a grace period longer than the drain, a network policy that lets out nothing but what is needed. Needs PyYAML and
jsonschema, which it takes from .tools/traffic.
"""
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import tools  # noqa: E402

# Seconds that a stopping `serve` may take: delivery.drain and five more.
STOPS_WITHIN = 25
PRIVATE = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"}


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def kubernetes(load):
    """What is wrong with the manifests."""
    documents = [one for file in sorted((ROOT / "docs/kubernetes").glob("*.yaml")) for one in load(file)]
    for one in documents:
        if not one.get("apiVersion") or not one["metadata"].get("namespace"):
            yield f"{one.get('kind')} has no apiVersion or no namespace"
    kinds = {one["kind"]: one for one in documents}
    for kind in ("ServiceAccount", "ConfigMap", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"):
        if kind not in kinds:
            yield f"there is no {kind}"
            return
    pod = kinds["Deployment"]["spec"]["template"]
    labels, spec, (container,) = pod["metadata"]["labels"], pod["spec"], pod["spec"]["containers"]
    for place, selector in [
        ("Deployment", kinds["Deployment"]["spec"]["selector"]["matchLabels"]), ("Service", kinds["Service"]["spec"]["selector"]),
        ("PodDisruptionBudget", kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]),
        ("NetworkPolicy", kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]),
    ]:
        if not selector or not selector.items() <= labels.items():
            yield f"{place} selects {selector}, the pods are {labels}"
    rights, own = container["securityContext"], spec["securityContext"]
    for what, holds in {
        "readOnlyRootFilesystem": rights.get("readOnlyRootFilesystem") is True,
        "allowPrivilegeEscalation": rights.get("allowPrivilegeEscalation") is False,
        "capabilities": rights.get("capabilities", {}).get("drop") == ["ALL"] and "add" not in rights["capabilities"],
        "runAsNonRoot": own.get("runAsNonRoot") is True and own.get("runAsUser", 0) > 0,
        "seccompProfile": own.get("seccompProfile", {}).get("type") == "RuntimeDefault",
        "automountServiceAccountToken": spec.get("automountServiceAccountToken") is False,
        "terminationGracePeriodSeconds": spec["terminationGracePeriodSeconds"] > STOPS_WITHIN,
        "resources": {"cpu", "memory"} <= set(container["resources"]["requests"]) and "memory" in container["resources"]["limits"],
    }.items():
        if not holds:
            yield f"Deployment: {what} is not as it has to be"
    for probe, path in {"livenessProbe": "/healthz", "readinessProbe": "/readyz", "startupProbe": "/healthz"}.items():
        if container[probe]["httpGet"] != {"path": path, "port": "http"}:
            yield f"Deployment: {probe} does not ask {path}"
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    if kinds["Service"]["spec"]["ports"][0]["targetPort"] not in ports:
        yield "Service: its port leads nowhere"
    volumes, mounts = {one["name"] for one in spec["volumes"]}, {one["name"]: one for one in container["volumeMounts"]}
    if volumes != set(mounts):
        yield f"Deployment: volumes {volumes}, mounts {set(mounts)}"
    settings = kinds["ConfigMap"]["data"]["argus-m365.toml"]
    listen = re.search(r'listen = "[^"]*:(\d+)"', settings)
    if not listen or int(listen[1]) != ports["http"]:
        yield "ConfigMap: http.listen is not the container's port"
    for path in re.findall(r'= "(/[^"]+)"', settings) + [word for word in container["args"] if word.startswith("/")]:
        if not any(path.startswith(mount["mountPath"] + "/") for mount in mounts.values()):
            yield f"Deployment: {path} is on no volume"
    policy = kinds["NetworkPolicy"]["spec"]
    if set(policy["policyTypes"]) != {"Ingress", "Egress"}:
        yield "NetworkPolicy: it does not hold both ways"
    if [port["port"] for rule in policy["ingress"] for port in rule["ports"]] != [ports["http"]]:
        yield "NetworkPolicy: more comes in than to the container's port"
    for rule in policy["egress"]:
        if not rule.get("to") or not rule.get("ports"):
            yield f"NetworkPolicy: {rule} lets out to everywhere"
        for block in (to["ipBlock"] for to in rule["to"] if "ipBlock" in to):
            if not PRIVATE <= set(block.get("except", ())) or [port["port"] for port in rule["ports"]] != [443]:
                yield f"NetworkPolicy: {block} reaches inside, or more than https"


def compose(load):
    """What is wrong with docker-compose.yml."""
    (document,) = load(ROOT / "docker-compose.yml")
    services, secrets, volumes = document["services"], document["secrets"], document["volumes"]
    for name, service in services.items():
        image = service.get("image", "")
        if not service.get("build") and not re.search(r":[^:]*\d", image):
            yield f"{name}: {image} is not pinned to a version"
        for secret in service.get("secrets", ()):
            if secret not in secrets:
                yield f"{name}: no secret is called {secret}"
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                if not (ROOT / source).exists():
                    yield f"{name}: {source} is not there"
            elif source not in volumes:
                yield f"{name}: no volume is called {source}"
        for other in service.get("depends_on", ()):
            if other not in services:
                yield f"{name} depends on {other}, which is not there"
        for port in service.get("ports", ()):
            if not port.startswith("127.0.0.1:"):
                yield f"{name}: {port} is open to more than this machine"
    connector = services["connector"]
    if not (connector.get("read_only") is True and connector.get("cap_drop") == ["ALL"]
            and "no-new-privileges:true" in connector.get("security_opt", ())):
        yield "connector: it has more rights than it needs"
    if seconds(connector["stop_grace_period"]) <= STOPS_WITHIN:
        yield "connector: stop_grace_period is too short for the drain"
    for key, value in connector["environment"].items():
        if key.endswith("_FILE") and value.rsplit("/", 1)[-1] not in connector["secrets"]:
            yield f"connector: {key} names {value}, which is none of its secrets"


def monitoring(load):
    """What is wrong with Prometheus' and Grafana's files."""
    for file in sorted((ROOT / "docs/monitoring").rglob("*.yml")):
        load(file)
    (prometheus,) = load(ROOT / "docs/monitoring/prometheus.yml")
    if not any(file.endswith("alerts.yml") for file in prometheus["rule_files"]):
        yield "prometheus.yml does not load the alert rules"
    for file in sorted((ROOT / "docs/monitoring").rglob("*.json")):
        board = json.loads(file.read_text())
        ids = [panel["id"] for panel in board["panels"]]
        if not board.get("title") or len(ids) != len(set(ids)):
            yield f"{file.name}: no title, or two panels with one id"


def events():
    """What is wrong with the AsyncAPI document and the schemas."""
    from jsonschema import Draft7Validator

    folder = ROOT / "docs/events"
    document = json.loads((folder / "asyncapi.json").read_text())
    named = set()
    for name, message in document["components"]["messages"].items():
        named.add((folder / message["payload"]["$ref"]).resolve())
        if document["channels"][name]["messages"][name]["$ref"] != f"#/components/messages/{name}":
            yield f"asyncapi.json: the channel of {name} names another message"
    found = {file.resolve() for file in (folder / "schemas").glob("*.json")}
    if named != found:
        yield f"asyncapi.json and schemas/ differ: {sorted(file.name for file in named ^ found)}"
    for file in sorted(found):
        Draft7Validator.check_schema(json.loads(file.read_text()))
    for file in sorted((ROOT / "examples/events").glob("*.json")) + sorted((ROOT / "tests/events_fixtures").glob("*.json")):
        event = json.loads(file.read_text())
        schema = json.loads((folder / f"schemas/{event['type']}.json").read_text())
        for error in Draft7Validator(schema).iter_errors(event):
            yield f"{file.name}: {error.json_path} {error.message[:120]}"


def manuals():
    """Links of the documentation that lead nowhere."""
    for file in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = re.sub(r"```.*?```", "", file.read_text(), flags=re.S)
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" not in link and not (file.parent / link).exists():
                yield f"{file.relative_to(ROOT)}: {link} is not there"


def main():
    sys.path.insert(0, str(tools.traffic_python()))
    import yaml

    def load(file):
        return [one for one in yaml.safe_load_all(Path(file).read_text()) if one is not None]

    checks = {"kubernetes": kubernetes(load), "docker-compose.yml": compose(load), "monitoring": monitoring(load), "events": events(),
              "documentation": manuals()}
    problems = [f"{what}: {problem}" for what, found in checks.items() for problem in found]
    for problem in problems:
        print(f"documents: {problem}", file=sys.stderr)
    if not problems:
        print(f"documents: {', '.join(checks)}: nothing found")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
