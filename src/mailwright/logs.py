"""Structured lines on standard error, for every process of a server.

Whatever is logged, by us or by a library: no secret of ours stands in a line (S28), and nothing that a stranger sent begins
one (S23). Values are quoted by the renderers; what is not, a stack trace, is indented.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# API keys, secrets of webhooks, and whatever stands in an Authorization field.
_SECRET = re.compile(r"\b(mw_(?:live|test)_|whsec_|(?:Bearer|Basic) )[A-Za-z0-9+/=_.~-]{6,}", re.IGNORECASE)
_LINE_END = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")

Entry = MutableMapping[str, Any]


def set_up_log(level: str, *, json_lines: bool) -> None:
    """Log from that level on, as JSON or for people."""
    render: Any = structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            without_secrets,
            *([] if json_lines else [indented]),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line at once: several processes write here
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_OfLibraries()], force=True)


class _OfLibraries(logging.Handler):
    """What asyncio and others log, as lines like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        told = log.error if record.levelno >= logging.ERROR else log.warning
        told("library", logger=record.name, said=record.getMessage(), exc_info=record.exc_info)


def without_secrets(_logger: Any, _level: str, entry: Entry) -> Entry:
    """The entry with our kinds of secrets cut down to what they are."""
    for name, value in entry.items():
        if isinstance(value, str) and _SECRET.search(value):
            entry[name] = _SECRET.sub(r"\1[left out]", value)
    return entry


def indented(_logger: Any, _level: str, entry: Entry) -> Entry:
    """The entry with its stack trace moved in: a line of it looks like no line of the log."""
    if "exception" in entry:
        entry["exception"] = "    " + _LINE_END.sub("\n    ", entry["exception"])
    return entry
