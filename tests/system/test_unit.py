"""The unit in packaging/: systemd finds nothing wrong with it, and little left to a process that was taken over."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "packaging/mailwright.service"
PLACE = "/opt/mailwright/.venv/bin/mailwright"

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="not installed: systemd")


def analyze(*words: str) -> str:
    done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    # A program that is there, in the place of the one that need not be installed here.
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(PLACE, "/bin/true"))
    assert [] == [line for line in analyze("verify", "--man=no", str(copy)).splitlines() if UNIT.name in line]


def test_what_a_process_that_was_taken_over_may_still_do_is_little() -> None:
    told = analyze("security", "--offline=true", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for mailwright.service: ([0-9.]+)", told)
    if found is None:
        pytest.skip("this systemd judges no unit that is not loaded")
    assert float(found[1]) <= 1.6, "of 10; it was 1.6 with systemd 252"
