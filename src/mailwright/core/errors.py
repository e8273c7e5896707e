"""REFUSALS: every way we say no, each with a stable code, a message and a fix.

A refusal is an exception; its docstring is its message and `code` its public name. `kind` is what a face translates
(HTTP status, SMTP reply, exit code) in one table of its own. Expected outcomes are values, and bugs crash: neither is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, ClassVar


class Kind(StrEnum):
    """What sort of no it is."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    INVALID = "invalid"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class Refusal(Exception):
    """The request was refused."""

    code: ClassVar[str] = "refused"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    fix: ClassVar[str] = "See the message."
    decides: ClassVar[bool] = False  # a decision on what a key wanted to do, and no slip: it goes into the audit log (I10)

    def __init__(self, message: str = "", *, details: Any = None, retry_after: int | None = None) -> None:
        """`message` replaces the docstring's first line; `retry_after` is in seconds."""
        self.message = message or self.summary()
        self.details = details
        self.retry_after = retry_after
        super().__init__(self.message)

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring: the message where none is given."""
        return (cls.__doc__ or "").strip().split("\n", 1)[0]


def every_refusal(base: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """All refusals there are, in the order in which they stand; docs and tests read this."""
    for found in base.__subclasses__():
        yield found
        yield from every_refusal(found)


# --- the request itself ------------------------------------------------------------


class MalformedRequest(Refusal):
    """The request could not be read."""

    code = "malformed_request"
    kind = Kind.MALFORMED
    fix = "Send valid JSON in UTF-8 with Content-Type: application/json."


class InvalidInput(Refusal):
    """Some fields of the request are not valid."""

    code = "validation_error"
    kind = Kind.INVALID
    fix = "Correct the fields named in details: each has a path and a message."

    @classmethod
    def at(cls, path: str, message: str) -> InvalidInput:
        """One bad field: its path (`to[0]`) and what is wrong with it."""
        return cls(f"{path}: {message}", details=[{"path": path, "message": message}])


class BodyTooLarge(Refusal):
    """The request or the message is larger than this server accepts."""

    code = "too_large"
    kind = Kind.TOO_LARGE
    fix = "Send less than the limit named in details, or link to large files instead of attaching them."


class NotFound(Refusal):
    """There is no such thing, or this key may not know of it."""

    code = "not_found"
    kind = Kind.NOT_FOUND
    fix = "Check the id, and that the key belongs to the same tenant and mailbox."


class MethodNotAllowed(Refusal):
    """This path does not answer to this method."""

    code = "method_not_allowed"
    kind = Kind.NOT_FOUND
    fix = "See /openapi.json for the methods of each path."


# --- who asks ------------------------------------------------------------


class Unauthenticated(Refusal):
    """No valid API key came with the request."""

    code = "unauthenticated"
    kind = Kind.UNAUTHENTICATED
    fix = "Send the header `Authorization: Bearer <key>` with a key that is neither revoked nor expired."


class MissingPermission(Refusal):
    """This key does not have the permission that the operation needs."""

    code = "missing_permission"
    kind = Kind.FORBIDDEN
    fix = "Use a key whose role holds the permission named in details."
    decides = True


class PermissionEscalation(Refusal):
    """A key can't make a key that is stronger than itself, nor one that both sends and approves."""

    code = "permission_escalation"
    kind = Kind.FORBIDDEN
    fix = "Ask for permissions that your own key holds, and keep sending and approving on separate keys."
    decides = True


class FromNotOwned(Refusal):
    """The From address does not belong to this key."""

    code = "sender_not_owned"
    kind = Kind.FORBIDDEN
    fix = "Leave From out: the mailbox decides it. To use another address, use that mailbox and a key that owns it."
    decides = True


class RelayDenied(Refusal):
    """This server does not accept mail for that address."""

    code = "relay_denied"
    kind = Kind.FORBIDDEN
    fix = "Deliver to the recipient's own mail exchanger, or submit with a credential that owns the From address."


# --- what stands against it ------------------------------------------------------------


class BlockedByPolicy(Refusal):
    """The mailbox's oversight mode or a rule does not allow this."""

    code = "blocked_by_policy"
    kind = Kind.FORBIDDEN
    fix = "See details for the rule. A person with an operator key can change the mailbox's oversight mode."
    decides = True


class DomainNotAligned(Refusal):
    """The sending domain's records are not in place, so receivers would refuse its mail."""

    code = "domain_not_aligned"
    kind = Kind.FORBIDDEN
    fix = "Publish the records of GET /v1/domains/{id} (or its zone-file), then POST /v1/domains/{id}/verify."
    decides = True


class AgentPaused(Refusal):
    """This agent or mailbox is paused; nothing leaves it until a person resumes it."""

    code = "agent_paused"
    kind = Kind.FORBIDDEN
    fix = "An operator resumes it with POST /v1/agents/{agent_id}/resume."
    decides = True


class RecipientSuppressed(Refusal):
    """Every recipient is on the suppression list."""

    code = "recipient_suppressed"
    kind = Kind.INVALID
    fix = "GET /v1/suppressions?address=... tells the reason; an operator may remove the entry when the address works again."
    decides = True


class AlreadyExists(Refusal):
    """Such a thing exists already."""

    code = "already_exists"
    kind = Kind.CONFLICT
    fix = "Use the one that exists (its id is in details), or choose another name."


class InUse(Refusal):
    """Other things still depend on it."""

    code = "in_use"
    kind = Kind.CONFLICT
    fix = "Remove what depends on it first; details says what does."


class NotPending(Refusal):
    """It was decided, sent or cancelled before."""

    code = "not_pending"
    kind = Kind.CONFLICT
    fix = "Fetch it again to see its state."


class ApprovalStale(Refusal):
    """The digest is not that of the message as it stands: it was changed after you saw it, or it is another message."""

    code = "approval_stale"
    kind = Kind.CONFLICT
    fix = "Read the approval again, look at the message as it is now, and decide with its digest."
    decides = True


class IdempotencyInFlight(Refusal):
    """A request with this Idempotency-Key is still running."""

    code = "idempotency_in_flight"
    kind = Kind.CONFLICT
    fix = "Wait a moment and send the same request again."


class IdempotencyKeyReuse(Refusal):
    """This Idempotency-Key was used with another request."""

    code = "idempotency_key_reuse"
    kind = Kind.INVALID
    fix = "Use a new key for a new request."


class RateLimited(Refusal):
    """Too many requests."""

    code = "rate_limited"
    kind = Kind.RATE_LIMITED
    fix = "Wait for the seconds in Retry-After."
    decides = True


class StorageBusy(Refusal):
    """The message could not be stored safely right now."""

    code = "storage_busy"
    kind = Kind.UNAVAILABLE
    fix = "Send it again in a little while; nothing was accepted."


class InternalError(Refusal):
    """Something went wrong on our side."""

    code = "internal_error"
    kind = Kind.INTERNAL
    fix = "Try again; if it stays, report the request id to whoever runs this server."


# --- incoming mail ------------------------------------------------------------


class UnknownRecipient(Refusal):
    """There is no mailbox of that name here."""

    code = "unknown_recipient"
    kind = Kind.NOT_FOUND
    fix = "Check the address."


class MailboxFull(Refusal):
    """The mailbox has no room for this message now."""

    code = "mailbox_full"
    kind = Kind.UNAVAILABLE
    fix = "Send it again later."


class ExaminationFailed(Refusal):
    """The message could not be examined just now."""

    code = "examination_failed"
    kind = Kind.UNAVAILABLE
    fix = "Send it again later."


class MailLoop(Refusal):
    """The message has been through too many servers: it goes round in circles."""

    code = "mail_loop"
    kind = Kind.CONFLICT
    fix = "Look for a forwarding rule that leads back to its start."


class UnusableMessage(Refusal):
    """The message is not one that can be attributed: it has no single, readable From address, or too long a header."""

    code = "unusable_message"
    kind = Kind.INVALID
    fix = "Send exactly one From field with one address (RFC 5322 §3.6), in a header of at most 1,000 fields and 256 KB."
