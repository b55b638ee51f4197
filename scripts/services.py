"""Servers for tests and for `make run`, each stopped by the `with` block that started it, and no process left behind."""
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NOBODY = 65534


def free_port(preferred=0):
    """The preferred port if nobody has it, else any free one."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    sys.exit("services: no free port")


def wait_for_port(port, process, what, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"services: {what} stopped at once with code {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    sys.exit(f"services: {what} does not answer on port {port}")


def stop(process, how=signal.SIGTERM, seconds=10):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def postgres(binaries):
    """A Postgres of its own on a free loopback port: its URL and where its programs are. It refuses to run as root, so root starts it
    as nobody."""
    as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="argus-postgres-"))
    process = None
    try:
        folder.chmod(0o755)
        binaries = runnable(binaries, folder, as_nobody)
        data = folder / "data"
        data.mkdir()
        if as_nobody:
            os.chown(data, NOBODY, NOBODY)
        quiet = {"cwd": "/", "env": {**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"}, "stdout": subprocess.DEVNULL, **as_nobody}
        subprocess.run([binaries / "initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D", data],
                       check=True, **quiet)
        port = free_port()
        # Durability is switched off: this server holds test data for minutes, and tests wait for its commits.
        fast = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=300",
                "listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={port}"]
        options = [part for setting in fast for part in ("-c", setting)]
        process = subprocess.Popen([binaries / "postgres", "-D", data, *options], stderr=subprocess.DEVNULL,
                                   start_new_session=True, **quiet)
        wait_for_port(port, process, "postgres")
        yield f"postgres://postgres@127.0.0.1:{port}/postgres", binaries
    finally:
        if process:
            stop(process, signal.SIGINT)  # Postgres' "fast" shutdown
        shutil.rmtree(folder, ignore_errors=True)


def runnable(binaries, folder, as_nobody):
    """Where nobody cannot reach the binaries (a checkout below /root), a copy of the installation that it can."""
    def works(path):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return subprocess.run([path / "postgres", "--version"], cwd="/", stdout=subprocess.DEVNULL, **as_nobody).returncode == 0
        return False

    if works(binaries):
        return binaries
    copy = folder / "install"
    shutil.copytree(binaries.parent, copy, symlinks=True)
    return copy / binaries.name


def adopt_orphans():
    """Makes this process the parent of whatever its children leave behind (Linux), so that the leftovers can be found."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def children():
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, fields = entry.read_text().split("(", 1)[1].rsplit(") ", 1)
            state, parent = fields.split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                yield int(entry.parent.name), name


def end_orphans():
    """Ends what the command left running, and says so."""
    for _ in range(50):
        left = list(children())
        if not left:
            return
        for pid, name in left:
            print(f"services: {name} ({pid}) was left running; ending it", file=sys.stderr)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def run(command, environment):
    """Runs a command in a process group of its own; a signal to us goes to the group. Returns its exit code."""
    process = subprocess.Popen(command, env=environment, start_new_session=True)

    def forward(number, _frame):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    code = process.wait()
    return code if code >= 0 else 128 - code
