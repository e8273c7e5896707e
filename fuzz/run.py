"""Feeds a parser octets that libFuzzer makes up, for some seconds: `make fuzz TARGET=dkim-signature SECONDS=60`.

A target is a function of octets that a module in `fuzz/targets/` lists in TARGETS, with octets to begin with. It fails by
raising, by taking more than a second, or by taking more than half a gigabyte. What was found interesting is kept in var/fuzz/.
Needs atheris, which `make fuzz` installs.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
KEPT = HERE.parent / "var" / "fuzz"


class Target(NamedTuple):
    """A parser to feed, and what it usually eats."""

    feed: Callable[[bytes], object]
    seeds: tuple[bytes, ...] = ()


def every_target() -> dict[str, Target]:
    """All targets by name."""
    sys.path.insert(0, str(HERE.parent))
    modules = [importlib.import_module(f"fuzz.targets.{one.name}") for one in pkgutil.iter_modules([str(HERE / "targets")])]
    return {name: Target(*found) for module in modules for name, found in module.TARGETS.items()}


def fuzz(name: str, seconds: int) -> None:
    """Feed one target in this process, which libFuzzer then ends."""
    import atheris

    with atheris.instrument_imports(include=["mailwright"]):
        target = every_target()[name]
    corpus = KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = (f"-max_total_time={seconds}", "-timeout=1", "-rss_limit_mb=512", "-max_len=8192", "-print_final_stats=0")
    atheris.Setup([name, *limits, f"-artifact_prefix={KEPT}/{name}-", str(corpus)], target.feed)
    atheris.Fuzz()


def main(chosen: str, seconds: int) -> int:
    """Feed one target, or all of them in turn; the code is 1 if any failed."""
    names = sorted(every_target()) if chosen == "all" else [chosen]
    failed = []
    for name in names:
        print(f"fuzz: {name}, {seconds} s", flush=True)
        command = [sys.executable, __file__, "--here", name, str(seconds)]
        done = subprocess.run(command, capture_output=True, timeout=seconds + 120, env={**os.environ, "PYTHONHASHSEED": "0"})
        if done.returncode:
            print(done.stderr.decode(errors="replace")[-4000:], file=sys.stderr)
            failed.append(name)
    print(f"fuzz: {len(names) - len(failed)}/{len(names)}")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        fuzz(sys.argv[2], int(sys.argv[3]))
    elif len(sys.argv) != 3 or sys.argv[1] not in {*every_target(), "all"} or not sys.argv[2].isdigit():
        sys.exit(f"usage: {sys.argv[0]} TARGET SECONDS; targets: all, {', '.join(sorted(every_target()))}")
    else:
        sys.exit(main(sys.argv[1], int(sys.argv[2])))
