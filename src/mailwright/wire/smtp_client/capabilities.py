"""What the peer said it can do in its answer to EHLO.

Standards: RFC 5321 §4.1.1.1, 1870, 2920, 3030, 3461, 4954, 6152, 6531, 8689, 9422.
Pure. Lenient: an unknown keyword is kept by name, an unreadable parameter counts as absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_NUMBER_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The extensions of one peer. `keywords` holds every keyword in upper case, known to us or not.

    `size` is the largest message in octets, None where the peer named no limit (RFC 1870 §4: 0 is no limit).
    `recipients_max` and `transactions_max` are RFC 9422's RCPTMAX and MAILMAX, None where not stated.
    """

    keywords: frozenset[str] = frozenset()
    auth: frozenset[str] = frozenset()
    size: int | None = None
    recipients_max: int | None = None
    transactions_max: int | None = None

    @property
    def pipelining(self) -> bool:
        """RFC 2920: commands may be sent in groups."""
        return "PIPELINING" in self.keywords

    @property
    def eight_bit(self) -> bool:
        """RFC 6152: bodies may hold octets over 127."""
        return "8BITMIME" in self.keywords

    @property
    def smtputf8(self) -> bool:
        """RFC 6531: addresses and header fields may be UTF-8."""
        return "SMTPUTF8" in self.keywords

    @property
    def starttls(self) -> bool:
        """RFC 3207: the connection may be encrypted."""
        return "STARTTLS" in self.keywords

    @property
    def chunking(self) -> bool:
        """RFC 3030: BDAT may be used in the place of DATA."""
        return "CHUNKING" in self.keywords

    @property
    def require_tls(self) -> bool:
        """RFC 8689: messages may be marked, so that they are handed on under TLS or not at all."""
        return "REQUIRETLS" in self.keywords

    @property
    def dsn(self) -> bool:
        """RFC 3461: RET, ENVID, NOTIFY and ORCPT are understood."""
        return "DSN" in self.keywords


NOTHING = Capabilities()


def parse_capabilities(lines: Sequence[str]) -> Capabilities:
    """Read the text lines of a 250 to EHLO (codes cut off). The first line is the greeting and names no extension."""
    keywords: set[str] = set()
    auth: set[str] = set()
    size: int | None = None
    limits: dict[str, int] = {}
    for line in lines[1:]:
        words = line.upper().split()
        if not words:
            continue
        keyword, parameters = words[0], words[1:]
        if keyword.startswith("AUTH="):  # Deviates: a form older than RFC 4954 that large hosts still send
            keyword, parameters = "AUTH", [keyword[5:], *parameters]
        keywords.add(keyword)
        if keyword == "AUTH":
            auth.update(parameters)
        elif keyword == "SIZE" and parameters:
            size = _number(parameters[0]) or size
        elif keyword == "LIMITS":
            limits.update(_limits(parameters))
    return Capabilities(frozenset(keywords), frozenset(auth), size, limits.get("RCPTMAX"), limits.get("MAILMAX"))


def _limits(parameters: Sequence[str]) -> dict[str, int]:
    # RFC 9422 §4: name=value; what is not understood is to be ignored.
    pairs = (parameter.partition("=") for parameter in parameters)
    return {name: number for name, _, value in pairs if (number := _number(value))}


def _number(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() and len(word) <= MAX_NUMBER_DIGITS else 0
