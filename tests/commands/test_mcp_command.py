"""`mailwright mcp`: what it needs in its environment, and how it says so. That it works: tests/faces/mcp/."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mailwright.__main__ import cli


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"MAILWRIGHT_URL": "https://mail.example.com"},
        {"MAILWRIGHT_KEY": "mw_live_x"},
        {"MAILWRIGHT_URL": "mail.example.com", "MAILWRIGHT_KEY": "mw_live_x"},
        {"MAILWRIGHT_URL": "https://mail.example.com", "MAILWRIGHT_KEY": "mw_live_x\n"},
    ],
)
def test_without_an_address_and_a_key_it_says_what_to_set(environment):
    blank = {"MAILWRIGHT_URL": None, "MAILWRIGHT_KEY": None}
    found = CliRunner().invoke(cli, ["mcp"], env=blank | environment)
    assert 2 == found.exit_code
    assert "MAILWRIGHT_URL" in found.stderr
    assert "MAILWRIGHT_KEY" in found.stderr


def test_it_needs_neither_the_sdk_nor_the_server():
    script = (
        "import sys, mailwright.faces.mcp.stdio; print(*sorted({'mcp', 'starlette', 'apsw', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert "" == done.stdout.strip()
