"""The audit log: what was done, by whom, to what; it only grows.

Every entry is written in the transaction of the act it tells (I10) and carries a hash over itself and the hash before
it, so that a changed or missing entry shows. Entries hold ids and digests, never content or addresses.
Not here: who may read it (accounts.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from mailwright.core.model import AuditEntry, Caller, Json
from mailwright.core.ports import Ports, Tx

GENESIS = "0" * 64


def entry_hash(previous: str, entry: AuditEntry) -> str:
    """SHA-256 (hex) over the hash before and the entry as canonical JSON: sorted keys, no spaces (RFC 8785 for our values)."""
    text = json.dumps(
        [previous, entry.index, entry.tenant_id, entry.at, entry.actor, entry.action, entry.subject, entry.data],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(text.encode()).hexdigest()


async def record(tx: Tx, ports: Ports, caller: Caller, action: str, subject: str, data: Json | None = None) -> None:
    """Append one entry: `action` is noun.verb ("message.queued"), `subject` the id of what was acted upon."""
    last = await tx.audit.last()
    index, previous = (last.index + 1, last.hash) if last else (0, GENESIS)
    draft = AuditEntry(index, caller.tenant_id, ports.clock.now(), caller.actor, action, subject, data or {}, "")
    await tx.audit.append(
        AuditEntry(index, draft.tenant_id, draft.at, draft.actor, action, subject, draft.data, entry_hash(previous, draft))
    )


async def page(
    ports: Ports, caller: Caller, *, subject: str | None = None, action: str | None = None, after: int = -1, limit: int = 50
) -> list[AuditEntry]:
    """Entries of the caller's tenant after that index, oldest first."""
    return await ports.store.browse(lambda tx: tx.audit.page(caller.tenant_id, subject, action, after, limit))


def first_break(entries: Sequence[AuditEntry], previous: str = GENESIS) -> int | None:
    """The index of the first entry whose hash does not follow from the one before; None where all do.

    `entries` is an unbroken run of the whole log (all tenants); `previous` the hash before its first.
    """
    for entry in entries:
        if entry_hash(previous, entry) != entry.hash:
            return entry.index
        previous = entry.hash
    return None
