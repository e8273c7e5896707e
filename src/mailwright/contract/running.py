"""Running an operation for a caller: permission, then the act, in one transaction; and at most once, where that was asked.

With an idempotency claim, the claim, the act and the saved answer are one transaction: after a crash either all of it
happened or none. A repeated request gets the first answer byte for byte, for 24 hours. Only what succeeded is kept: a
refused request changed nothing and may be corrected and sent again under the same key.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailwright.contract.operations.row import Operation
from mailwright.core import audit
from mailwright.core.accounts import require
from mailwright.core.errors import IdempotencyInFlight, IdempotencyKeyReuse, Refusal, StorageBusy
from mailwright.core.model import Caller
from mailwright.core.ports import Ports, SavedResponse, Taken, Tx
from mailwright.faults import Point, passes

KEPT_FOR = 24 * 3600 * 1000  # ms
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key, a hash of the whole request that came with it, and 32 bytes that only its caller can make again."""

    key: str
    request_hash: str
    seal: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as it is told: the status and the JSON."""

    status: int
    body: bytes
    repeated: bool = False


@dataclass(slots=True)
class InFlight:
    """The claims that are being worked on in this process."""

    held: set[tuple[str, str]] = field(default_factory=set)

    @contextmanager
    def hold(self, tenant_id: str, key: str) -> Iterator[None]:
        """Hold a claim while its request runs; raises IdempotencyInFlight where another does."""
        claim = (tenant_id, key)
        if claim in self.held:
            raise IdempotencyInFlight(retry_after=1)
        self.held.add(claim)
        try:
            yield
        finally:
            self.held.discard(claim)


async def permit(ports: Ports, caller: Caller, operation: Operation[Any, Any], subject: str | None) -> None:
    """Refuse, before anything is read, whoever may not do this at all; `subject` is what they wanted to do it to."""
    try:
        _require(caller, operation)
    except Refusal as refusal:
        await audit.refused(ports, caller, operation.name, subject, refusal)
        raise


def _require(caller: Caller, operation: Operation[Any, Any]) -> None:
    if operation.permission is not None:
        require(caller, operation.permission)


async def run(ports: Ports, caller: Caller, operation: Operation[Any, Any], given: Any) -> Any:
    """The operation's result; raises the Refusals of the verbs behind it."""
    async with _noted(ports, caller, operation, given):
        return await _run(ports, caller, operation, given)


async def _run(ports: Ports, caller: Caller, operation: Operation[Any, Any], given: Any) -> Any:
    _require(caller, operation)
    if operation.read is not None:
        return await operation.read(ports, caller, given)
    act = operation.act
    assert act is not None
    prepared = given if operation.prepare is None else await operation.prepare(ports, caller, given)
    try:
        return await ports.store.write(lambda tx: act(tx, ports, caller, prepared))
    except Refusal as refusal:
        await _undo(ports, operation, prepared, refusal)
        raise


async def run_once(
    ports: Ports, caller: Caller, operation: Operation[Any, Any], given: Any, *, claim: Claim, in_flight: InFlight
) -> Told:
    """As `run` and as JSON, but a claim seen before gets the answer it got then.

    Raises IdempotencyInFlight while the first request runs, IdempotencyKeyReuse where the request is another one.
    """
    async with _noted(ports, caller, operation, given):
        return await _run_once(ports, caller, operation, given, claim, in_flight)


async def _run_once(
    ports: Ports, caller: Caller, operation: Operation[Any, Any], given: Any, claim: Claim, in_flight: InFlight
) -> Told:
    _require(caller, operation)
    # Each API key has its own claims: no key is ever shown what another one's request was answered with (S26).
    own = replace(claim, key=hashlib.sha256(f"{caller.actor}\n{claim.key}".encode()).hexdigest())
    with in_flight.hold(caller.tenant_id, own.key):
        saved = await ports.store.read(lambda tx: tx.idempotency.get(caller.tenant_id, own.key))
        if saved is not None and _fresh(saved, ports):
            return _first_answer(saved, operation, own)
        prepared = given if operation.prepare is None else await operation.prepare(ports, caller, given)
        try:
            told = await ports.store.write(lambda tx: _act_once(tx, ports, caller, operation, prepared, own))
        except Refusal as refusal:
            await _undo(ports, operation, prepared, refusal)
            raise
        passes(Point.REQUEST_STORED)
        if told.repeated:
            await _undo(ports, operation, prepared)
        return told


@asynccontextmanager
async def _noted(ports: Ports, caller: Caller, operation: Operation[Any, Any], given: Any) -> AsyncIterator[None]:
    """What is refused by decision stands in the audit log before it is told (I10); its own transaction was rolled back."""
    try:
        yield
    except Refusal as refusal:
        subject = getattr(given, operation.path_fields[0], None) if operation.path_fields else None
        await audit.refused(ports, caller, operation.name, subject, refusal)
        raise


async def _undo(ports: Ports, operation: Operation[Any, Any], prepared: Any, refusal: Refusal | None = None) -> None:
    """What was refused leaves nothing behind. A store in trouble may have committed all the same: then nothing is touched."""
    if operation.undo is not None and not isinstance(refusal, StorageBusy):
        await operation.undo(ports, prepared)


async def _act_once(tx: Tx, ports: Ports, caller: Caller, operation: Operation[Any, Any], prepared: Any, claim: Claim) -> Told:
    saved = await tx.idempotency.get(caller.tenant_id, claim.key)
    if saved is not None and _fresh(saved, ports):
        return _first_answer(saved, operation, claim)
    if saved is not None:
        await tx.idempotency.forget_before(ports.clock.now() - KEPT_FOR)
    assert operation.act is not None
    body = _encoder.encode(await operation.act(tx, ports, caller, prepared))
    kept = _sealed(body, claim, ports) if operation.secret else body
    saved = SavedResponse(claim.request_hash, operation.status, kept, ports.clock.now())
    try:
        await tx.idempotency.add(caller.tenant_id, claim.key, saved)
    except Taken:  # another process was quicker with the same claim
        raise IdempotencyInFlight(retry_after=1) from None
    return Told(operation.status, body)


def _fresh(saved: SavedResponse, ports: Ports) -> bool:
    return saved.created_at >= ports.clock.now() - KEPT_FOR


def _first_answer(saved: SavedResponse, operation: Operation[Any, Any], claim: Claim) -> Told:
    if saved.request_hash != claim.request_hash:
        raise IdempotencyKeyReuse
    body = _unsealed(saved.body, claim) if operation.secret else saved.body
    return Told(saved.status, body, repeated=True)


# An answer that holds a new secret is kept sealed with a key that only the caller can name again: a copy of the
# database opens nothing.


def _sealed(body: bytes, claim: Claim, ports: Ports) -> bytes:
    nonce = ports.ids.secret(12)
    return nonce + AESGCM(claim.seal).encrypt(nonce, body, claim.request_hash.encode())


def _unsealed(kept: bytes, claim: Claim) -> bytes:
    return AESGCM(claim.seal).decrypt(kept[:12], kept[12:], claim.request_hash.encode())
