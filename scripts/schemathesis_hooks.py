"""What schemathesis is told that the description can't say. Loaded by it, through scripts/schemathesis."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import schemathesis

_NUMBERS = count()
_VALID = re.compile(r"[!-~]{1,200}")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Where one request follows from another, each Idempotency-Key is a new one.

    The same key with the same request gets the first answer again, also when what was made is gone since; schemathesis
    takes that for a resource that was lost. tests/faces/rest/test_idempotency.py is about it.
    """
    if case.meta is None or case.meta.phase.name != "stateful":
        return
    given = (case.headers or {}).get("Idempotency-Key")
    if isinstance(given, str) and _VALID.fullmatch(given):
        case.headers["Idempotency-Key"] = f"{given}-{next(_NUMBERS)}"
