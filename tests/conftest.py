"""What all tests share: foreign test data, what tests tell at the end of a run, and which peers were not there."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

UNITS = ("contract", "core", "mail", "mailauth", "wire")
SHARED = Path(__file__).resolve().parents[2] / "shared"
TOLD = "told"

# A crowded machine is no fault of a parser: what is slow is found by `timing.in_time`, and by `timeout` where it hangs.
# The same commit gets the same answer: made-up input is the same each time. `--hypothesis-profile=anew` looks further.
settings.register_profile("anew", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("anew"), derandomize=True)
settings.load_profile("same")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of foreign test data beside the checkout; tests that read it are skipped in a lone clone."""
    if not (SHARED / "corpora").is_dir():
        pytest.skip("no ../shared beside this checkout: foreign test data is not there")
    return SHARED


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Print lines at the end of the run, whatever becomes of the test: figures, a seed, what a peer said."""

    def say(text: str) -> None:
        record_property(TOLD, text)

    return say


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever opens sockets, runs processes or reads the checkout is no unit test; nor is what reads foreign data."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] not in UNITS:
            item.add_marker("whole")
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("corpora")


def pytest_collection_finish() -> None:
    """What was imported and collected stays: nothing is gained by searching it for cycles again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests told, and how many tests with real peers were left out, and why."""
    _show_told(terminalreporter)
    skipped = [one for one in terminalreporter.stats.get("skipped", []) if "peers" in one.keywords]
    if skipped:
        reasons = Counter(_reason(one) for one in skipped)
        why = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
        terminalreporter.write_line(f"{len(skipped)} tests with real peers were skipped: {why}")


def _show_told(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for name in ("passed", "failed") for one in terminalreporter.stats.get(name, []) if one.when == "call"]
    told = [(one.nodeid, text) for one in reports for name, text in one.user_properties if name == TOLD]
    if told:
        terminalreporter.section("told by tests")
    last = ""
    for nodeid, text in told:
        if nodeid != last:
            terminalreporter.write_line(nodeid)
        last = nodeid
        for line in str(text).splitlines():
            terminalreporter.write_line(f"    {line}")


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
