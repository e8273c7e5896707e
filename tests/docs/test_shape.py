"""The shape of the code: who imports whom, how large things are, what they are called, what they say of themselves."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
from repository import ROOT, SOURCE, files, functions, heights, imports, longest_chain, modules

FLOORS = 9  # by folder
LONGEST = 22  # by file: far more than the nine that were aimed at; it may shrink, and must not grow
NAMES_NOT_TAKEN = {"email", "queue", "types", "mailbox", "utils", "helpers", "common", "manager"}
# Words that stand for two things at once in mail, so that no identifier may be made of them (docs/glossary.md).
WORDS_NOT_USED = re.compile(r"sender|^from_addr$", re.IGNORECASE)
TERMS = {"sender_domain"}  # RFC 7208 §7.2: the macro `o` is the domain of what it calls <sender>


def _at(values: list[int], share: float) -> int:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _spread(values: list[int]) -> str:
    return f"{_at(values, 0.5)} / {_at(values, 0.9)} / {max(values)}"


def test_the_measures_of_the_code_stay_within_what_was_agreed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [path.read_text("utf-8").count("\n") for path in SOURCE.rglob("*.py")]
    lengths = [one.lines for one in functions()]
    parameters = [one.parameters for one in functions()]
    public = [one for one in functions() if not one.name.startswith("_")]
    documented = sum(one.documented for one in public) / len(public)
    undocumented = [name for name, tree in modules().items() if tree.body and ast.get_docstring(tree) is None]
    with capsys.disabled():
        print(f"\n  {len(lines)} files, {sum(lines)} lines, {len(lengths)} functions; median / p90 / most:")
        print(f"  lines of a file {_spread(lines)}; lines of a function {_spread(lengths)}; parameters {_spread(parameters)}")
        print(f"  public functions with a docstring {documented:.0%}")
        print(f"  floors by folder {max(heights(imports(2)).values())}; longest chain of files:")
        print("  " + " > ".join(name.removeprefix("mailwright.") for name in longest_chain(imports())))
    assert [] == undocumented
    assert documented >= 0.8
    assert max(lengths) <= 60
    assert max(lines) <= 600


def test_public_classes_say_what_they_are() -> None:
    found = [node for tree in modules().values() for node in tree.body if isinstance(node, ast.ClassDef)]
    public = [node for node in found if not node.name.startswith("_")]
    told = [node for node in public if ast.get_docstring(node) is not None]
    assert len(told) / len(public) >= 0.8


def test_there_are_no_cycles_and_few_floors() -> None:
    assert max(heights(imports(2)).values()) <= FLOORS
    assert max(heights(imports()).values()) <= LONGEST


def test_nothing_that_serves_imports_the_mail_world_or_the_test_kit() -> None:
    graph = imports(2)
    users = {
        (name, user) for name in ("mailwright.local", "mailwright.testing") for user, used in graph.items() if name in used
    }
    assert {("mailwright.testing", "mailwright.local")} == users


def test_no_module_has_a_name_that_says_nothing_or_hides_the_standard_library() -> None:
    taken = {part for name in modules() for part in name.split(".")}
    assert set() == taken & NAMES_NOT_TAKEN


def test_no_identifier_is_made_of_a_word_that_means_two_things() -> None:
    found = []
    for path in SOURCE.rglob("*.py"):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline):
            if token.type == tokenize.NAME and token.string not in TERMS and WORDS_NOT_USED.search(token.string):
                found.append(f"{path.relative_to(ROOT)}:{token.start[0]} {token.string}")
    assert [] == found


def test_the_floors_are_kept() -> None:
    """import-linter, with the contracts of .importlinter."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stdout


def test_no_file_names_a_package_index_or_a_place_on_somebodys_machine() -> None:
    # Written in pieces, so that this file is no find itself.
    words = [
        "pypi" + ".org",
        "python" + "hosted",
        "npmjs" + ".",
        "--index" + "-url",
        "/ro" + "ot/",
        "/ho" + "me/",
        "/wo" + "rk/",
    ]
    found = []
    for path in files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {word}" for word in words if word in text]
    assert [] == found
