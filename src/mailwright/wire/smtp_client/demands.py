"""Can this peer take this message at all? Known before anything is asked.

Standards: RFC 1870 §6 (SIZE), RFC 6152 §3 (8BITMIME), RFC 6531 §3.2 (SMTPUTF8); SM-7: a clear refusal, no mangling.
Pure.
"""

from __future__ import annotations

from mailwright.mail.outcomes import Outcome, Rejected
from mailwright.wire.smtp_client.capabilities import Capabilities
from mailwright.wire.smtp_client.commands import Transaction
from mailwright.wire.smtp_client.content import Shape

# RFC 6531 §3.2 and RFC 6152 §3: where the next hop lacks the extension the message is returned, never mangled.
_NO_SMTPUTF8 = Rejected(None, "5.6.7", "the message needs SMTPUTF8, which the receiving server does not offer")
_NO_8BITMIME = Rejected(None, "5.6.3", "the message is 8-bit, which the receiving server does not offer to take")


def refusals(transaction: Transaction, measured: Shape, peer: Capabilities) -> list[Outcome | None]:
    """For each recipient: why this peer can't be asked at all, or None."""
    whole = _refusal(transaction, measured, peer)
    if whole or peer.smtputf8:
        return [whole] * len(transaction.recipients)
    return [None if r.forward_path.isascii() else _NO_SMTPUTF8 for r in transaction.recipients]


def _refusal(transaction: Transaction, measured: Shape, peer: Capabilities) -> Rejected | None:
    if (measured.eight_bit_header or not transaction.reverse_path.isascii()) and not peer.smtputf8:
        return _NO_SMTPUTF8
    if measured.eight_bit_body and not peer.eight_bit:
        return _NO_8BITMIME
    if peer.size is not None and measured.size > peer.size:
        # RFC 1870 §6: the limit was declared; asking would only cost a round trip.
        return Rejected(None, "5.3.4", f"the message has {measured.size} bytes, the receiving server takes {peer.size}")
    return None
