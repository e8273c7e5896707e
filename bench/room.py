"""Where it is measured: namespaces of its own for network, processes and mounts, so that ports 25 and 53 are free, nothing
leaves the machine and nothing is left behind. Without root there is loopback only, and what needs the room is left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

INSIDE = "MAILWRIGHT_BENCH_ROOM"
HERE = "203.0.113.1"  # where servers listen: not loopback, for which checks make exceptions
CLIENT = "198.51.100.10"  # who speaks to them
SINK = "203.0.113.9"


def enter(seconds: int) -> None:
    """Start this program again inside, where that is possible; all that is inside ends with it, within `seconds`."""
    if inside() or os.geteuid() or not (shutil.which("unshare") and shutil.which("ip")):
        return
    room = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    again = (sys.executable, "-m", "bench", *sys.argv[1:])
    os.execvpe("timeout", ["timeout", "-k", "5", str(seconds), *room, *again], {**os.environ, INSIDE: "1"})


def inside() -> bool:
    """Whether the room is ours."""
    return INSIDE in os.environ


def address() -> str:
    """Where servers listen."""
    return HERE if inside() else "127.0.0.1"


def furnish(folder: Path) -> None:
    """Addresses, and a resolver's address for programs that ask the system."""
    folder.chmod(0o755)
    _run("ip", "link", "set", "lo", "up")
    for one in (CLIENT, HERE, SINK):
        _run("ip", "addr", "add", f"{one}/32", "dev", "lo")
    # Whoever connects to the servers does so from the client's address.
    _run("ip", "route", "change", "local", HERE, "dev", "lo", "table", "local", "src", CLIENT)
    _run("sysctl", "-qw", "net.core.somaxconn=4096")
    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n")
    _run("mount", "--bind", str(resolv), os.path.realpath("/etc/resolv.conf"))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
