"""What schemathesis is told that the description can't say. Loaded by it, through schemathesis_run.py."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import schemathesis

from mailwright.contract.operations.events import MAX_WAIT

_NUMBERS = count()
_VALID = re.compile(r"[!-~]{1,200}")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """What would only cost time, or look like a fault, is asked another way."""
    _ask_again_at_once(case)
    _ask_under_a_new_key(case)


def _ask_again_at_once(case: Any) -> None:
    """A poll that may wait for a minute and does is right, and for schemathesis an answer that never came.

    tests/faces/rest/test_events.py is about waiting.
    """
    query = case.query or {}
    if str(query.get("wait", "")).isdecimal() and int(query["wait"]) <= MAX_WAIT:
        query["wait"] = min(int(query["wait"]), 1)


def _ask_under_a_new_key(case: Any) -> None:
    """Where one request follows from another, each Idempotency-Key is a new one.

    The same key with the same request gets the first answer again, also when what was made is gone since; schemathesis
    takes that for a resource that was lost. tests/faces/rest/test_idempotency.py is about it.
    """
    if case.meta is None or case.meta.phase.name != "stateful":
        return
    given = (case.headers or {}).get("Idempotency-Key")
    if isinstance(given, str) and _VALID.fullmatch(given):
        case.headers["Idempotency-Key"] = f"{given}-{next(_NUMBERS)}"
