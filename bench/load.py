"""Load from outside: Postfix's smtp-source and smtp-sink, wrk; all of them C, so that little of the machine goes to them."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import room, zone
from bench.programs import Program

TOOLS = ("smtp-source", "smtp-sink", "wrk")
PATIENCE = 60.0  # seconds


def missing(*names: str) -> list[str]:
    """Which of these programs are not installed."""
    return [name for name in names if not tool(name)]


def tool(name: str) -> str:
    """Where a program is; "" for nowhere."""
    return shutil.which(name, path="/usr/sbin:/usr/bin:/usr/lib/postfix/sbin") or ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on disk, and its envelope."""

    path: Path
    mail_from: str
    rcpt_to: str


def letter(folder: Path, name: str, raw: bytes, mail_from: str, rcpt_to: str = f"agent@{zone.OURS}") -> Letter:
    """Write a message as smtp-source wants it: without carriage returns."""
    path = folder / f"{name}.eml"
    path.write_bytes(raw.replace(b"\r\n", b"\n"))
    return Letter(path, mail_from, rcpt_to)


def send(letters: Sequence[Letter], count: int, host: str, port: int) -> float:
    """Send `count` messages over one kept connection for each letter, all at once; the seconds it took until all were taken."""
    sending = (tool("smtp-source"), "-d", "-s", "1", "-m", str(count // len(letters)), "-M", "load.bench")
    began = time.perf_counter()
    senders = [
        subprocess.Popen(
            [*sending, "-F", str(one.path), "-f", one.mail_from, "-t", one.rcpt_to, f"{host}:{port}"], stderr=subprocess.PIPE
        )
        for one in letters
    ]
    for sender in senders:
        _, wrong = sender.communicate(timeout=PATIENCE)
        if sender.returncode:
            raise RuntimeError(wrong.decode(errors="replace")[-300:])
    return time.perf_counter() - began


class Sink:
    """smtp-sink, counting."""

    def __init__(self, folder: Path) -> None:
        host, self.port = (room.SINK, 25) if room.inside() else ("127.0.0.1", 2525)
        command = (tool("smtp-sink"), "-c", "-u", "nobody", f"{host}:{self.port}", "1000")
        self.program = Program(command, folder / "sink.log").until_reached(host, self.port)

    def count(self) -> int:
        """Messages that it took."""
        with self.program.log.open("rb") as log:
            log.seek(max(0, self.program.log.stat().st_size - 200))
            found = re.findall(rb"mesg=(\d+)", log.read())
        return int(found[-1]) if found else 0

    def until(self, count: int, quiet: float = 1.0) -> tuple[int, float]:
        """Wait for that many, and until no more come; how many there are, and the moment of the last one."""
        began = last = time.perf_counter()
        seen = self.count()
        while time.perf_counter() - began < PATIENCE:
            time.sleep(0.01)
            now, moment = self.count(), time.perf_counter()
            if now != seen:
                seen, last = now, moment
            elif (seen >= count and moment - last > quiet) or moment - last > 10:
                break
        return seen, last


SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer KEY"
local number = 0
local text = string.rep("The agent reads this line and the next one, and then it answers politely. ", 65)
request = function()
  number = number + 1
  local to = "user@d" .. (number % 10) .. ".bench"
  return wrk.format(nil, nil, nil, '{"to":["' .. to .. '"],"subject":"Report ' .. number .. '","text":"' .. text .. '"}')
end
done = function(summary, latency, requests)
  io.write(string.format("\\nFOUND %d %d %f %f %f %f\\n", summary.requests, summary.errors.status + summary.errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
"""


@dataclass(frozen=True, slots=True)
class Posted:
    """What wrk saw; latencies in milliseconds."""

    requests: int
    refused: int
    seconds: float
    p50: float
    p99: float
    most: float


def post(folder: Path, url: str, key: str, *, connections: int, seconds: int) -> Posted:
    """POST a letter of 5 KB, each with a number of its own, again and again."""
    script = folder / "post.lua"
    script.write_text(SCRIPT.replace("KEY", key))
    command = [tool("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, timeout=seconds + PATIENCE, check=True).stdout
    found = re.search(r"FOUND (.*)", said)
    if found is None:
        raise RuntimeError(said[-500:])
    requests, refused, *rest = found[1].split()
    return Posted(int(requests), int(refused), *map(float, rest))
