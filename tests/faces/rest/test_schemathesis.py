"""What the description allows is answered as it says, and what it does not allow is refused: `make schemathesis`, in short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "schemathesis_run.py"
SHORT = ("--seconds", "20", "--seed", "1")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_schemathesis_finds_nothing_with_all_of_its_checks():
    done = subprocess.run([sys.executable, SCRIPT, *SHORT], capture_output=True, text=True, timeout=110)
    assert (0, "") == (done.returncode, done.stdout.partition("= FAILURES =")[2]), done.stdout + done.stderr
    assert "Fuzzing" in done.stdout
