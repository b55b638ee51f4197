#!/usr/bin/env python3
"""NATS, the tenant simulator and the connector, up until Ctrl-C. Each run starts empty, in .run/."""
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import services
import tools

HERE = tools.ROOT / ".run" / "live"
BINARY = tools.ROOT / "target" / "debug" / "argus-m365"
TENANT = json.loads((tools.ROOT / "examples" / "tenant.json").read_text())

SETTINGS = """# Written by `make run`. Development only: the secrets are made anew at each start.
[database]
url = "sqlite://{here}/argus-m365.db"
[nats]
url = "nats://127.0.0.1:{nats}"
[http]
listen = "127.0.0.1:{http}"
[auth]
issuer = "https://argus.example"
audience = "argus-m365"
hs256_secret = "{secret}"
[vault]
keyring_file = "{here}/keyring"
[microsoft]
login_url = "http://127.0.0.1:{simulator}"
graph_url = "http://127.0.0.1:{simulator}"
"""


def fetch(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read()


def wait_until_ready(url, process, seconds=60):
    deadline, last = time.monotonic() + seconds, "no answer"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"run: the connector stopped with code {process.returncode}; see above")
        try:
            return fetch(url)
        except urllib.error.HTTPError as error:
            last = error.read().decode(errors="replace")
        except OSError as error:
            last = str(error)
        time.sleep(0.05)
    sys.exit(f"run: not ready after {seconds} s: {last}")


def commands(ports, token):
    app = TENANT["apps"][0]
    query = (f'mutation {{ registerConnection(input: {{directoryId: "{TENANT["id"]}", applicationId: "{app["id"]}", '
             f'applicationSecret: "{app["secrets"][0]["value"]}"}}) {{ state }} testConnection {{ succeeded latencyMs }} }}')
    graphql = f"http://127.0.0.1:{ports['http']}/graphql"
    header = f"-H 'Content-Type: application/json' -H 'Authorization: Bearer {token}'"
    return [
        ("register the simulated tenant as acme's connection, and test it",
         f"curl -s {graphql} {header} -d '{json.dumps({'query': query})}'"),
        ("publish an event, as Argus would",
         f"python3 scripts/publish.py argus.acme.task.scheduled examples/events/task.scheduled.json 127.0.0.1:{ports['nats']}"),
        ("see what stands in Outlook",
         f"curl -s http://127.0.0.1:{ports['simulator']}/_sim/tenants/{TENANT['id']}/state"),
    ]


def welcome(ports, token):
    print(f"""
  GraphQL    http://127.0.0.1:{ports['http']}/graphql      (schema: /schema.graphql, health: /readyz, metrics: /metrics)
  NATS       nats://127.0.0.1:{ports['nats']}             (subjects argus.acme.task.*)
  simulator  http://127.0.0.1:{ports['simulator']}             (its controls: /_sim)
  token      {token}
             (organisation acme, m365:admin, 8 hours)

Next:""")
    for number, (what, command) in enumerate(commands(ports, token), 1):
        print(f"\n  {number}. {what}\n     {command}")
    print("\nCtrl-C stops all three.\n", flush=True)


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    HERE.chmod(0o700)
    ports = {"nats": services.free_port(4222), "http": services.free_port(8080), "simulator": services.free_port(8090)}
    secret = secrets.token_hex(32)
    settings = HERE / "argus-m365.toml"
    settings.write_text(SETTINGS.format(here=HERE, secret=secret, **ports))
    ring = subprocess.run([BINARY, "keys", "generate", "--id", "development"], capture_output=True, text=True, check=True)
    (HERE / "keyring").write_text(ring.stdout)
    services.adopt_orphans()
    started = []

    def start(*command, **options):
        started.append(subprocess.Popen(command, cwd=tools.ROOT, start_new_session=True, **options))
        return started[-1]

    def interrupted(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    log = open(HERE / "servers.log", "w")
    try:
        nats = start(tools.nats_server(), "-c", "nats.conf", "-p", str(ports["nats"]), "-m", str(services.free_port(8222)),
                     "-sd", str(HERE / "nats"), stdout=log, stderr=log)
        services.wait_for_port(ports["nats"], nats, "nats-server")
        simulator = start(BINARY, "simulator", "--listen", f"127.0.0.1:{ports['simulator']}", stdout=log, stderr=log)
        services.wait_for_port(ports["simulator"], simulator, "the simulator")
        fetch(f"http://127.0.0.1:{ports['simulator']}/_sim/tenants", TENANT)
        connector = start(BINARY, "--config", str(settings), "serve")
        wait_until_ready(f"http://127.0.0.1:{ports['http']}/readyz", connector)
        token = subprocess.run([BINARY, "--config", settings, "token", "mint", "--org", "acme", "--permissions", "m365:admin",
                                "--ttl", "8h"], capture_output=True, text=True, check=True).stdout.strip()
        welcome(ports, token)
        while all(process.poll() is None for process in started):
            time.sleep(0.2)
        sys.exit(f"run: a process stopped by itself; see {os.path.relpath(HERE / 'servers.log')}")
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
    finally:
        for process in reversed(started):
            services.stop(process, seconds=30)
        services.end_orphans()
        log.close()


if __name__ == "__main__":
    main()
