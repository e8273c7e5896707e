"""The docs are true: what is written from the code is as the code is, and what people wrote names only what exists."""

from __future__ import annotations

import configparser
import re
import tomllib
from pathlib import Path

import pytest
from repository import DOCS, ROOT, SOURCE, generator, pages, read

from mailwright.__main__ import cli
from mailwright.config import every_setting
from mailwright.contract.operations import OPERATIONS
from mailwright.core.errors import every_refusal
from mailwright.core.events import EventType
from mailwright.core.timeline import Stage
from mailwright.local.simulator import BEHAVIOURS

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```", re.DOTALL)
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


# --- pages that are written from the code -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    """The pages as the code would write them now."""
    found: dict[str, str] = generator().pages()
    return found


@pytest.mark.parametrize(
    "name", ["cli.md", "errors.md", "events.md", "metrics.md", "operations.md", "security-cases.md", "settings.md", "smtp.md"]
)
def test_a_generated_page_is_what_the_code_says_now(written: dict[str, str], name: str) -> None:
    """If this fails: `make docs`, and look at what changed."""
    assert written[name].splitlines() == (DOCS / name).read_text("utf-8").splitlines()


def test_every_operation_has_its_place() -> None:
    headings = set(HEADING.findall(read("docs/operations.md")))
    assert set() == {one.name for one in OPERATIONS} - headings


def test_every_setting_has_its_row() -> None:
    page = read("docs/settings.md")
    missing = [one for one in every_setting() if f"`MAILWRIGHT_{one.section}__{one.name}`".upper() not in page.upper()]
    assert [] == missing


def test_every_event_has_its_row_and_its_fields_or_is_told_by_nobody() -> None:
    page = read("docs/events.md")
    assert [] == [one for one in EventType if f"| `{one.value}` |" not in page]
    source = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    used = {one for one in EventType if f"EventType.{one.name}" in source}
    assert used == {one for one in EventType if generator().published(one)}


def test_every_refusal_has_its_row_and_is_raised_by_somebody() -> None:
    page = read("docs/errors.md")
    assert [] == [one.code for one in every_refusal() if f"| `{one.code}` |" not in page]
    source = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    unused = [one for one in every_refusal() if not re.search(rf"(?<!class )\b{one.__name__}\b(?!,$)", source, re.MULTILINE)]
    assert [] == unused


def test_every_stage_of_a_timeline_is_one_that_something_stands_at() -> None:
    source = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    assert [] == [one for one in Stage if f"Stage.{one.name}" not in source]


# --- pages that people wrote --------------------------------------------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    return {generator().slug(heading) for heading in HEADING.findall(CODE.sub("", page.read_text("utf-8")))}


def test_every_link_leads_somewhere() -> None:
    broken = []
    for page in pages():
        for link in LINK.findall(CODE.sub("", page.read_text("utf-8"))):
            path, _, anchor = link.partition("#")
            if "://" in link or link.startswith("mailto:"):
                continue
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in _anchors(target)):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert [] == broken


def test_the_index_names_every_page_and_every_decision() -> None:
    index = read("docs/index.md")
    wanted = [str(path.relative_to(DOCS)) for path in DOCS.rglob("*") if path.suffix in (".md", ".tsv")]
    assert [] == [path for path in wanted if f"({path})" not in index and path != "index.md"]


def test_decisions_are_numbered_and_half_a_page() -> None:
    found = sorted((DOCS / "decisions").glob("*.md"))
    assert [f"{number:04}" for number in range(1, len(found) + 1)] == [path.name[:4] for path in found]
    assert [] == [path.name for path in found if len(path.read_text("utf-8").splitlines()) > 35]


def test_commands_in_the_pages_exist() -> None:
    menu = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    known = generator()._command(generator().typer.main.get_command(cli), "mailwright")
    commands = re.findall(
        r"^## (mailwright.*)$", "\n".join(f"## {line[3:]}" for line in known if line[:3] == "## "), re.MULTILINE
    )
    options = set(re.findall(r"--[a-z-]+", read("docs/cli.md")))
    wrong = []
    for page in pages():
        text = page.read_text("utf-8")
        wrong += [
            f"{page.name}: make {name}" for name in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE) if name not in menu
        ]
        for words in re.findall(
            r"(?:^|`|bin/)mailwright ((?:[a-z]+(?:-[a-z]+)* ?)+)((?: ?--?[a-z-]+(?: [a-z./]+)?)*)", text, re.MULTILINE
        ):
            name = f"mailwright {words[0].strip()}"
            if not any(name == one or name.startswith(one + " ") for one in commands[1:]):
                wrong.append(f"{page.name}: {name}")
            wrong += [f"{page.name}: {name} {one}" for one in re.findall(r"--[a-z-]+", words[1]) if one not in options]
    assert [] == wrong


def test_the_readme_says_first_what_it_is_what_it_promises_and_how_to_begin() -> None:
    first = read("README.md").partition("\n## ")[0]
    assert 3 == len(re.findall(r"^- \*\*", first, re.MULTILINE))
    assert ["local", "test"] == re.findall(r"^make ([a-z]+)", first, re.MULTILINE)
    assert read("README.md").partition("\n## ")[2].startswith("Who should not use it")


def test_the_readme_knows_every_address_of_the_simulator() -> None:
    table = re.findall(r"^\| `(\w+)@` \|", read("README.md"), re.MULTILINE)
    assert list(BEHAVIOURS) == table


def test_the_operators_page_knows_every_line_of_the_log_and_every_metric() -> None:
    page = read("docs/operating.md")
    source = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    lines = re.findall(r'log\.(?:info|warning|error|exception)\(\s*"([^"]+)"', source)
    assert [] == sorted({line for line in lines if f"`{line.rstrip('.')}" not in page})
    told = set(re.findall(r"`(mailwright_[a-z_]+)`", page))
    assert [] == [name for name in told if f"`{name}" not in read("docs/metrics.md")]


# --- the architecture ---------------------------------------------------------------------------------------------------


def _code_map() -> set[str]:
    """What the code map names, as paths under src/mailwright/."""
    block = next(one for one in CODE.findall(read("ARCHITECTURE.md")) if "core/ " in one)
    found, folder = set(), ""
    for line in block.splitlines()[1:-1]:
        names = re.findall(r"(?:^ *|  )([a-z_]+(?:/|\.py))(?=\s|$)", line)
        if not line.startswith(" "):
            folder = names[0] if names and names[0].endswith("/") else ""
            found.add(names[0])
        else:
            found |= {folder + name for name in names}
    return found


def test_the_code_map_names_every_module_and_nothing_else() -> None:
    there = set()
    for path in SOURCE.iterdir():
        if path.suffix == ".py" and path.name != "__init__.py":
            there.add(path.name)
        if path.is_dir() and path.name != "__pycache__":
            there.add(f"{path.name}/")
            there |= {f"{path.name}/{one.name}" for one in path.glob("*.py") if one.name != "__init__.py"}
            there |= {f"{path.name}/{one.name}/" for one in path.iterdir() if one.is_dir() and one.name != "__pycache__"}
    summed_up = {
        "couriers/",
        "commands/",
        "smtpd/",
        "faces/rest/",
        "faces/smtp/",
        "local/",
        "testing/",
        "contract/operations/",
        "contract/resources/",
    }
    expected = {
        one
        for one in there
        if one in summed_up or not one.startswith(("commands/", "couriers/", "local/", "smtpd/", "testing/"))
    }
    assert expected == _code_map()


def test_who_may_import_whom_is_told_as_it_is_checked() -> None:
    rules = configparser.ConfigParser()
    rules.read_string(read(".importlinter"))
    layers = rules["importlinter:contract:floors"]["layers"].replace("mailwright.", "").split("\n")[1:]
    told = next(line for line in read("ARCHITECTURE.md").splitlines() if line.startswith("commands > "))
    assert [set(layer.split(" | ")) for layer in layers] == [set(floor.strip("()").split(" | ")) for floor in told.split(" > ")]


def test_what_the_architecture_names_exists() -> None:
    text = CODE.sub("", read("ARCHITECTURE.md"))
    named = re.findall(r"`([a-z_./]+(?:\.py|/))`", text)
    missing = [
        one for one in named if not ((ROOT / one).exists() or (SOURCE / one).exists() or (SOURCE / "core" / one).exists())
    ]
    assert [] == missing
    assert len(read("ARCHITECTURE.md").splitlines()) <= 200


def test_what_pages_say_of_modules_is_there() -> None:
    """`core/sending`, `core/delivery.claim`, `core/accounts.ROLES`: modules, functions and constants by their names."""
    wrong = []
    for page in [*DOCS.rglob("*.md"), ROOT / "SECURITY.md"]:
        for path, name in re.findall(
            r"`((?:mail|mailauth|wire|core|contract|store|net|faces)/[a-z_/]+)(?:\.(\w+))?`", page.read_text("utf-8")
        ):
            homes = [SOURCE / f"{path}.py", SOURCE / path / "__init__.py", SOURCE / path]
            home = next((one for one in homes if one.exists()), None)
            if home is None or (name not in ("", "py") and not re.search(rf"\b{name}\b", home.read_text("utf-8"))):
                wrong.append(f"{page.name}: {path} {name}")
    assert [] == wrong


# --- standards ----------------------------------------------------------------------------------------------------------

_ITEM = r"\d{3,5}(?: §[\d.]+)?(?: \([^()]*\))?"
_SERIES = re.compile(rf"RFCs? ({_ITEM}(?:(?:, and |,? and |, |/|-)(?:RFC )?(?=\d{{4}}\b){_ITEM})*)")


def _cited(text: str) -> set[int]:
    """The numbers in `RFC 5321 §4.2, 6376 and 9989` and `RFC 2045-2047`."""
    found: set[int] = set()
    for series in _SERIES.findall(" ".join(text.replace("#", " ").split())):
        bare = re.sub(r"§[\d.]+|\([^()]*\)", "", series)
        for first, last in re.findall(r"(\d{4})-(\d{4})", bare):
            found |= set(range(int(first), int(last) + 1))
        found |= {int(number) for number in re.findall(r"\b\d{4}\b", bare)}
    return found


def test_a_series_of_standards_is_read_as_it_is_written() -> None:
    assert {5321, 6376, 9989} == _cited("RFC 5321 §4.2 (replies), 6376 and\n9989")
    assert {2045, 2046, 2047, 2231} == _cited("RFC 2045-2047, 2231")
    assert {7208} == _cited("RFC 7208 §4.6.4, 10 lookups in 2019")


def test_every_standard_that_is_cited_has_its_row_and_every_home_cites_it() -> None:
    where: dict[int, set[str]] = {}
    for path in [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.sql")]:
        for number in _cited(path.read_text("utf-8")):
            where.setdefault(number, set()).add(str(path.relative_to(SOURCE)))
    head, *lines = read("docs/rfcs.tsv").splitlines()
    assert "rfc\ttitle\tstatus\thome\tnotes" == head
    rows = [line.split("\t") for line in lines]
    assert [] == [row for row in rows if len(row) != 5 or not all(row[:4])]
    numbers = [int(row[0]) for row in rows]
    assert sorted(set(numbers)) == numbers
    assert set(where) == set(numbers)
    wrong = []
    for number, row in zip(numbers, rows, strict=True):
        for home in row[3].split():
            cites = any(path == home or (home.endswith("/") and path.startswith(home)) for path in where[number])
            wrong += [] if cites and (SOURCE / home).exists() else [f"RFC {number}: {home}"]
    assert [] == wrong


# --- what comes with it -------------------------------------------------------------------------------------------------


def test_the_licence_is_there_and_the_package_says_which() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert "Apache License" in read("LICENSE")
    assert "Apache-2.0" == project["license"]
    assert {"name", "version", "description", "readme", "requires-python"} <= set(project)
    assert "urls" not in project


def test_the_changelog_is_ordered() -> None:
    text = read("CHANGELOG.md")
    assert "## Unreleased" in text
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= set(kinds)
    loose = text.partition("## Unreleased")[2].partition("### ")[0]
    assert "" == loose.strip()
    lines = re.findall(r"^- (.+)$", text, re.MULTILINE)
    assert len(set(lines)) == len(lines)
