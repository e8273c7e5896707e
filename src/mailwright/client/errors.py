"""What can go wrong, as exceptions: a refusal with its code and fix, no server there, an answer that makes no sense.

`MailwrightError` is all of them. Decide by `code`, do what `fix` says; the class tells the HTTP status' family.
"""

from __future__ import annotations

from typing import Any


class MailwrightError(Exception):
    """Something went wrong. `fix` says what to do next; `request_id` names the request in the server's log."""

    code = "error"

    def __init__(self, message: str, *, code: str = "", fix: str = "", request_id: str = "", details: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.fix = fix
        self.request_id = request_id
        self.details = details
        self.status: int | None = None
        self.retry_after: float | None = None

    def __str__(self) -> str:
        told = f"{self.code}: {self.message}"
        told += f" {self.fix}" if self.fix else ""
        return f"{told} ({self.request_id})" if self.request_id else told


class NotConfigured(MailwrightError):
    """Neither an argument nor the environment says which server or which key."""

    code = "not_configured"


class Unreachable(MailwrightError):
    """No answer came, however often it was tried. A request with an Idempotency-Key may be repeated with it."""

    code = "unreachable"


class TimedOut(Unreachable):
    """The server was silent for longer than `timeout`. What was asked may have been done all the same."""

    code = "timed_out"


class Garbled(MailwrightError):
    """An answer came that is not this API's: is that address a Mailwright server?"""

    code = "garbled"


class Refused(MailwrightError):
    """The server said no."""


class Unauthenticated(Refused):
    """401: no key, or one that is not known (any more)."""


class Forbidden(Refused):
    """403: the key may not do this."""


class NotFound(Refused):
    """404: there is no such thing for this key."""


class Conflict(Refused):
    """409: not in the state that things are in."""


class Invalid(Refused):
    """400, 413, 422: the request is wrong; `details` names the fields."""


class RateLimited(Refused):
    """429: too much at once; `retry_after` says for how long."""


class Unavailable(Refused):
    """503: not now; `retry_after` says for how long."""


class ServerFailed(Refused):
    """500 and the like: a bug over there; `request_id` helps to find it."""


_KINDS: dict[int, type[Refused]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    422: Invalid,
    429: RateLimited,
    503: Unavailable,
}


def kind_of(status: int) -> type[Refused]:
    """The class of refusals with that status."""
    return _KINDS.get(status, ServerFailed if status >= 500 else Refused)
