"""What a server is made of: requirements.lock as CycloneDX 1.6, in JSON, on standard output.

    python scripts/sbom.py > sbom.json

The same lock file gives the same document, so that two builds can be compared. Licences are those that the installed packages
name of themselves; what is not installed here has none told.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
OURS = "mailwright"


@dataclass(frozen=True)
class Pinned:
    """One package as the lock has it."""

    name: str
    version: str
    hashes: tuple[str, ...]
    wanted_by: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{re.sub(r'[-_.]+', '-', self.name).lower()}@{self.version}"


def pinned(lock: str) -> Iterator[Pinned]:
    """Every package of a lock file."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if (pin := PIN.match(block)) is not None:
            via = re.findall(r"^\s+#(?: via)?\s+(?!via\b)([A-Za-z0-9._-]+)", block, re.MULTILINE)
            hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
            yield Pinned(pin["name"], pin["version"], hashes, tuple(via))


def document(lock: str, version: str) -> dict[str, Any]:
    """The whole of it."""
    packages = list(pinned(lock))
    root = f"pkg:pypi/{OURS}@{version}"
    references = {one.name: one.purl for one in packages} | {OURS: root}
    needs: dict[str, list[str]] = {reference: [] for reference in references.values()}
    for one in packages:
        for name in one.wanted_by:
            needs[references[name]].append(one.purl)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, root + lock)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": OURS,
                "version": version,
                "purl": root,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": [_component(one) for one in packages],
        "dependencies": [{"ref": ref, "dependsOn": sorted(on)} for ref, on in needs.items()],
    }


def _component(one: Pinned) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in one.hashes],
    }
    licence = _licence(one.name)
    if licence is not None:
        found["licenses"] = [licence]
    return found


def _licence(name: str) -> dict[str, Any] | None:
    try:
        told: Any = metadata(name)  # whose stubs are behind
    except PackageNotFoundError:
        return None
    if told.get("License-Expression"):
        return {"expression": told["License-Expression"]}
    classifiers = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or () if one.startswith("License :: OSI")]
    named = classifiers[0] if classifiers else (told.get("License") or "").partition("\n")[0][:80]
    return {"license": {"name": named}} if named else None


def main() -> None:
    """Print it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    json.dump(document((ROOT / "requirements.lock").read_text("utf-8"), version), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
