"""Which address does a mailbox get whose maker leaves it to us?

The domain: the one that was first shown to be the tenant's; before any is, the only one. The name: drawn, since an address
that can be guessed gets mail that nobody meant for it.
Not here: whether the address is free (mailboxes.py).
"""

from __future__ import annotations

from mailwright.core.errors import InvalidInput
from mailwright.core.model import Caller
from mailwright.core.ports import Ports, Tx

MANY = 200  # domains of a tenant that are looked at
DRAWN = 12  # hexadecimal digits


async def address(tx: Tx, ports: Ports, caller: Caller, username: str | None, domain: str | None) -> str:
    """An address of these parts; what is None is chosen."""
    # An id's last digits are drawn anew each time; its first ones are its neighbours' too.
    name = username or f"agent-{ports.ids.new('x')[-DRAWN:]}"
    return f"{name}@{domain or await _own_domain(tx, caller)}"


async def _own_domain(tx: Tx, caller: Caller) -> str:
    found = await tx.domains.page(caller.tenant_id, None, MANY)
    owned = [one for one in found if one.owned_at is not None]
    if owned:
        return min(owned, key=lambda one: (one.owned_at or 0, one.id)).name
    if len(found) == 1:
        return found[0].name
    fix = "no domain of yours is verified yet: say which one" if found else "add a domain first: POST /v1/domains"
    raise InvalidInput.at("domain", fix)
