"""What is measured, a file for each part; `PARTS` is the order in which they run."""

from collections.abc import Callable

from bench.figures import Options, Table
from bench.parts import api, functions, inbound, large, memory, outbound, streams

PARTS: dict[str, Callable[[Options], Table]] = {
    "functions": functions.measure,
    "inbound": inbound.measure,
    "outbound": outbound.measure,
    "api": api.measure,
    "streams": streams.measure,
    "large": large.measure,
    "memory": memory.measure,
}
