"""How does DNS write this name?

Standards: RFC 1035 §2.3.4 (lengths), RFC 4343 (case), RFC 5890 §2.3.2.1 and RFC 8616 §4 (A-labels).
Pure. Underscores and odd characters pass: what is asked here is whether a question can be asked, not whether a host
may be called so.
Not here: addresses and their grammar (mail/address.py).
"""

from __future__ import annotations

from functools import lru_cache

from mailwright.mail.address import InvalidAddress, domain_to_ascii

MAX_NAME = 253
MAX_LABEL = 63


def to_dns_name(text: str) -> str | None:
    """The name in lower case, in A-labels, without its final dot; None where no question can be made of it."""
    if len(text) > MAX_NAME + 1:
        return None
    return _to_dns_name(text)


@lru_cache(maxsize=4096)
def _to_dns_name(text: str) -> str | None:
    name = text.lower().removesuffix(".")
    if not name.isascii():
        try:
            name = domain_to_ascii(name)
        except InvalidAddress:
            return None
    # A backslash opens an escape in the text form of a name (RFC 1035 §5.1): such a name is never asked for.
    if len(name) > MAX_NAME or not name.isprintable() or "\\" in name:
        return None
    if any(not 0 < len(label) <= MAX_LABEL for label in name.split(".")):
        return None
    return name
