"""Each file here is a scene: its tests run together in namespaces of their own, with real programs as peers.

The network of a scene is its own loopback: ports 25 and 53 are free there, addresses may be anybody's, and nothing can leave.
Its processes are its own too: they all end with it. So the session that was started outside runs each file in a session
inside, and passes on what came of each test. Needs root, and the programs that the file names in `pytest.mark.peers(...)`.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from room import furnish

HERE = Path(__file__).parent
INSIDE = "MAILWRIGHT_ROOM"  # in a scene: the file that takes the results
SECONDS = 150  # that a scene may take
NAMESPACES = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec"

_results: dict[Path, dict[str, list[pytest.TestReport]]] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Outside: a test waits for its whole scene. Where a scene can't be, its tests are skipped and say why."""
    if INSIDE in os.environ:
        return
    parallel = config.pluginmanager.hasplugin("xdist")
    for item in _ours(items):
        item.add_marker(pytest.mark.timeout(SECONDS + 30))
        if parallel:
            item.add_marker(pytest.mark.xdist_group(item.path.name))  # a scene is one worker's
        mark = item.get_closest_marker("peers")
        if reason := _missing(mark.args if mark else ()):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Outside: run the scene at its first test, and report each test at its turn."""
    if INSIDE in os.environ or not _ours([item]) or item.get_closest_marker("skip"):
        return None
    if item.path not in _results:
        _results[item.path] = _run_scene(item.config, [one for one in _ours(item.session.items) if one.path == item.path])
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _results[item.path].get(item.nodeid) or [_lost(item)]:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Inside: hand the result out."""
    if INSIDE in os.environ:
        data = _config.hook.pytest_report_to_serializable(config=_config, report=report)
        with open(os.environ[INSIDE], "a") as out:
            out.write(json.dumps(data) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Inside: the network and the file systems of the scene."""
    global _config
    _config = config
    if INSIDE in os.environ:
        furnish()


def _ours(items: list[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if item.path.parent == HERE]


def _run_scene(config: pytest.Config, items: list[pytest.Item]) -> dict[str, list[pytest.TestReport]]:
    with tempfile.TemporaryDirectory(prefix="mailwright-scene-") as folder:
        results = Path(folder) / "results"
        results.touch()
        names = [item.nodeid for item in items]
        options = [
            "-o",
            "addopts=-q --strict-markers",
            "-p",
            "no:cacheprovider",
            "--tb",
            config.getoption("tbstyle"),
            "--rootdir",
            str(config.rootpath),
        ]
        options += ["-s"] if config.getoption("capture") == "no" else []
        command = [*NAMESPACES, sys.executable, "-m", "pytest", *options, *names]
        quiet = None if "-s" in options else subprocess.DEVNULL
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        scene = subprocess.Popen(command, cwd=config.rootpath, env={**environment, INSIDE: str(results)}, stdout=quiet)
        try:
            scene.wait(SECONDS)
        finally:
            scene.kill()  # --kill-child: whatever is still in there ends with it
            scene.wait()
        return _read(config, results)


def _read(config: pytest.Config, results: Path) -> dict[str, list[pytest.TestReport]]:
    found: dict[str, list[pytest.TestReport]] = {}
    for line in results.read_text().splitlines():
        report = config.hook.pytest_report_from_serializable(config=config, data=json.loads(line))
        found.setdefault(report.nodeid, []).append(report)
    return found


def _lost(item: pytest.Item) -> pytest.TestReport:
    text = f"the scene ended before this test did (it may take {SECONDS} s): run it with -s to see why"
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")


@functools.cache
def _missing(programs: tuple[str, ...]) -> str | None:
    """Why a scene with these programs can't be."""
    if os.geteuid() != 0:
        return "not root, which private networks and port 25 need"
    absent = [one for one in ("unshare", "ip", *programs) if shutil.which(one, path=PATH) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (scripts/peers installs them)"
    tried = subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else f"no namespaces here: {tried.stderr.decode().strip()[:100]}"
