"""`mailwright.mail` and `mailwright.mailauth` with nothing else installed than their extra; the page about them is true."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import mailwright.mail
import mailwright.mailauth

pytestmark = pytest.mark.whole  # each runs a process of its own

PAGE = Path(__file__).parents[2] / "docs/mailauth.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

# What `pip install mailwright[mailauth]` brings, by the names one imports. Everything else is made to be missing.
BLOCKER = """
import sys
from importlib.machinery import PathFinder

ALLOWED = {allowed}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        found = None if top in ALLOWED else PathFinder.find_spec(top)
        if found is not None and "site-packages" in str(found.origin or found.submodule_search_locations):
            raise ModuleNotFoundError(f"{{name}} is not installed", name=name)

sys.meta_path.insert(0, Blocker())
"""
LIBRARY = {"mailwright", "cryptography", "_cffi_backend", "cffi", "idna"}
WITH_NETWORK = LIBRARY | {"dns"}


def installed(*names: str) -> set[str]:
    """What one can import once these are installed: they, and what they need in turn."""
    wanted, seen = list(names), set[str]()
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        wanted += [re.match(r"[\w.-]+", need)[0] for need in needs if "extra ==" not in need]  # type: ignore[index]
    found = metadata.packages_distributions()
    return {module for module, owners in found.items() if any(re.sub(r"[-_.]+", "-", one).lower() in seen for one in owners)}


COMMANDS = installed("httpx2", "msgspec", "rich", "typer", "cryptography", "dnspython", "idna") | WITH_NETWORK


def run(allowed: set[str], code: str, stdin: bytes = b"") -> bytes:
    whole = BLOCKER.format(allowed=allowed) + code
    done = subprocess.run([sys.executable, "-c", whole], input=stdin, capture_output=True, timeout=60)
    assert 0 == done.returncode, done.stderr.decode()
    return done.stdout


def modules() -> list[str]:
    packages = [mailwright.mail, mailwright.mailauth]
    return [one.name for package in packages for one in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]


def test_the_blocker_blocks() -> None:
    with pytest.raises(AssertionError, match="httpx2 is not installed"):
        run(LIBRARY, "import httpx2")
    with pytest.raises(AssertionError, match="apsw is not installed"):
        run(COMMANDS, "import apsw")


def test_every_module_needs_cryptography_and_idna_alone() -> None:
    assert "mailwright.mailauth.arc.seal" in modules()
    run(LIBRARY, "import " + ", ".join(modules()))


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_the_page_runs(example: str) -> None:
    run(WITH_NETWORK if "mailwright.net" in example else LIBRARY, example)


def test_the_commands_run() -> None:
    code = "import sys; sys.argv = ['mailwright', 'check', '-', '--zone', '/dev/null', '--json']\n"
    code += "from mailwright.__main__ import main; main()"
    assert b'"spf"' in run(COMMANDS, code, b"From: a@b.test\n\nx\n")
