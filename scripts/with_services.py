#!/usr/bin/env python3
"""Runs a test command with the servers it needs, and stops them however it ends.

usage: with_services.py COMMAND [ARGUMENT ...]

Exports: TEST_POSTGRES_URL (a server of its own), TEST_POSTGRES_BIN (its programs, for tests that stop one),
ARGUS_TEST_REQUIRE_POSTGRES=1 (no test may skip it), NATS_SERVER_BIN,
ARGUS_TRAFFIC_DIR (tests record what the simulator accepted there), ARGUS_TEST_PYTHON and, for it, PYTHONPATH.
Afterwards, where the published description of Microsoft Graph is at hand (../shared/graph), the traffic is checked against it.
"""
import os
import shutil
import subprocess
import sys

import services
import tools

VALIDATOR = tools.ROOT.parent / "shared" / "graph" / "validate_traffic.py"


def check_traffic(folder, environment):
    """Checks what was recorded; 0 when nothing was found."""
    recorded = sorted(file for file in folder.glob("**/*.jsonl") if file.stat().st_size)
    if not VALIDATOR.exists():
        print("traffic: not checked, the description of Microsoft Graph is not at hand")
        return 0
    if not recorded:
        print("traffic: nothing was recorded")
        return 0
    code = subprocess.run([sys.executable, VALIDATOR, "--quiet", *recorded], env=environment).returncode
    print(f"traffic: {len(recorded)} recordings checked, {'nothing' if code == 0 else 'something'} found")
    return code


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    traffic = tools.ROOT / ".run" / "traffic"
    shutil.rmtree(traffic, ignore_errors=True)
    traffic.mkdir(parents=True)
    environment = {**os.environ, "NATS_SERVER_BIN": tools.nats_server(), "ARGUS_TRAFFIC_DIR": str(traffic),
                   "ARGUS_TEST_PYTHON": sys.executable}
    if VALIDATOR.exists():
        environment["PYTHONPATH"] = str(tools.traffic_python())
    services.adopt_orphans()
    try:
        with services.postgres(tools.postgres_bin()) as (url, binaries):
            environment |= {"TEST_POSTGRES_URL": url, "TEST_POSTGRES_BIN": str(binaries), "ARGUS_TEST_REQUIRE_POSTGRES": "1"}
            code = services.run(sys.argv[1:], environment)
    finally:
        services.end_orphans()
    return code or check_traffic(traffic, environment)


if __name__ == "__main__":
    sys.exit(main())
