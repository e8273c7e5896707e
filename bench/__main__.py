"""`make bench ONLY=… REPEATS=…`: measure part by part, print tables, and with --write put them into docs/bench.md."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from bench import room, zone
from bench.figures import Options, Table, tell
from bench.parts import PARTS

PAGE = Path(__file__).parents[1] / "docs/bench.md"
BEGIN, END = "<!-- {}: begin -->", "<!-- {}: end -->"


def main() -> None:
    """Never fails for a figure: only for what can't be measured at all."""
    ask = argparse.ArgumentParser(prog="make bench", description=__doc__)
    ask.add_argument("--only", default="", help=f"parts, with commas: {', '.join(PARTS)}")
    ask.add_argument("--repeats", type=int, default=3)
    ask.add_argument("--profile", action="store_true", help="run py-spy beside it; the figures suffer")
    ask.add_argument("--write", action="store_true", help="put the tables into docs/bench.md")
    ask.add_argument("--minutes", type=int, default=40, help="after so long it is ended")
    given = ask.parse_args()
    wanted = [name for name in given.only.split(",") if name] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"no such part: {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    room.enter(given.minutes * 60)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="mailwright-bench-", dir="/var/tmp"))
    try:
        if room.inside():
            room.furnish(folder)
        else:
            tell("No root, no room: peers, and what needs their programs, are left out.")
        print(f"{machine()}\n", flush=True)
        for name in wanted:
            tell(name)
            table = PARTS[name](Options(given.repeats, folder, given.profile))
            print(table.markdown(), flush=True)
            if given.write:
                write(name, table, given.repeats)
    finally:
        zone.close()
        shutil.rmtree(folder, ignore_errors=True)


def machine() -> str:
    """Where and when."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return (
        f"{datetime.date.today()}, {os.cpu_count()} processors ({cpu[1] if cpu else platform.machine()}), "
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    )


def write(name: str, table: Table, repeats: int) -> None:
    """Put a part's table where the page has its place."""
    page = PAGE.read_text("utf-8")
    begin, end = BEGIN.format(name), END.format(name)
    before, found, rest = page.partition(begin)
    if not found:
        sys.exit(f"{PAGE.name} has no place for {name}")
    said = f"{begin}\n{table.markdown()}\n{machine()}: `make bench ONLY={name} REPEATS={repeats}`\n{end}"
    PAGE.write_text(before + said + rest.partition(end)[2], "utf-8")


if __name__ == "__main__":
    main()
