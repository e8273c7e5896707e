"""S30: what the systemd unit takes away from a process that was taken over."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "packaging" / "mailwright.service"
WANTED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE",
    "AmbientCapabilities": "CAP_NET_BIND_SERVICE",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictNamespaces": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "SystemCallArchitectures": "native",
    "StateDirectoryMode": "0700",
    "UMask": "0077",
}


def told() -> dict[str, list[str]]:
    """What the unit says, by directive."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^([A-Za-z]+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def test_s30_the_unit_leaves_one_capability_one_folder_and_the_calls_of_a_service() -> None:
    unit = told()
    assert WANTED == {name: unit.get(name, [""])[-1] for name in WANTED}
    assert unit["User"] not in (["root"], ["0"])
    assert "@system-service" == unit["SystemCallFilter"][0]
    assert {"@privileged", "@mount", "@debug"} < set(unit["SystemCallFilter"][1].removeprefix("~").split())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_s30_systemd_finds_little_left_to_take() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    level = re.search(r"exposure level for \S+ (\d+\.\d+)", done.stdout)
    assert level is not None, done.stdout + done.stderr
    assert float(level[1]) <= 2.0
