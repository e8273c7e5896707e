"""S29: what a server is made of, and whom to tell of a hole in it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sbom() -> dict[str, object]:
    """What `make sbom` writes."""
    done = subprocess.run([sys.executable, ROOT / "scripts" / "sbom.py"], capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_s29_the_bill_of_materials_names_every_pinned_package_with_its_hashes(sbom) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9._-]+)(?:\[.*?\])?==([^\s;]+)", lock, re.MULTILINE))
    assert pinned == {(one["name"], one["version"]) for one in sbom["components"]}
    assert set(re.findall(r"sha256:([0-9a-f]{64})", lock)) == {
        one["content"] for component in sbom["components"] for one in component["hashes"]
    }
    assert all(component["hashes"] for component in sbom["components"])


def test_s29_the_bill_of_materials_tells_who_needs_what_and_by_which_licence(sbom) -> None:
    needs = {one["ref"]: one["dependsOn"] for one in sbom["dependencies"]}
    known = {one["bom-ref"] for one in sbom["components"]}
    (root,) = set(needs) - known
    reached, pending = set(), [root]
    while pending:
        for one in needs[pending.pop()]:
            if one not in reached:
                reached.add(one)
                pending.append(one)
    assert known == reached
    licences = json.dumps([one.get("licenses", "not installed here") for one in sbom["components"]])
    assert "GPL" not in licences
    assert licences.count("not installed here") < 6


def test_s29_the_same_lock_makes_the_same_bill(sbom) -> None:
    again = subprocess.run([sys.executable, ROOT / "scripts" / "sbom.py"], capture_output=True, check=True, timeout=60)
    assert sbom == json.loads(again.stdout)
    assert ("CycloneDX", "1.6") == (sbom["bomFormat"], sbom["specVersion"])


@pytest.mark.slow
def test_s29_two_builds_of_the_same_source_are_the_same_octet_for_octet(tmp_path: Path) -> None:
    digests = set()
    for number, (name, epoch) in enumerate([("here", 1_700_000_000), ("some/where/else", 1_800_000_000)]):
        copy = tmp_path / name
        shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / file, copy)
        for path in copy.rglob("*"):
            os.utime(path, (epoch, epoch))
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / str(number))]
        subprocess.run(command, cwd=copy, check=True, capture_output=True, timeout=60)
        (wheel,) = (tmp_path / str(number)).iterdir()
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert 1 == len(digests)


def test_s29_whoever_finds_a_hole_is_told_where_to_go_and_how_long_it_takes() -> None:
    page = (ROOT / "SECURITY.md").read_text()
    assert ["72 hours", "7 days", "90"] == re.findall(r"72 hours|7 days|90", page)


@pytest.mark.slow
def test_s29_a_server_names_its_operator_where_one_is_set(world) -> None:
    found = httpx2.get(f"{world.server.api_url}/.well-known/security.txt")
    assert (200, "text/plain; charset=utf-8") == (found.status_code, found.headers["content-type"])
    lines = dict(line.split(": ", 1) for line in found.text.splitlines())
    assert "mailto:security@agents.example" == lines["Contact"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lines["Expires"])
