"""Whom is a bounce about that has no standard form, and what was said of each?

Reads what people read: the addresses and the words beside them, up to where the returned message begins.
Where to look, in this order: X-Failed-Recipients; addresses that begin a line; addresses behind words like "to:"; any
address but the one that the bounce came to; the recipients of the returned message.
Promises: linear and bounded; never raises. Not here: what the words mean (explain.py), whether it is a bounce (read.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from mailwright.mail.address import parse_address_list
from mailwright.mail.header import Header

MAX_WORDS = 24 * 1024  # characters of a bounce's own words
MAX_RECIPIENTS = 100
MAX_DIAGNOSTIC = 500

_LOCAL = r"[^\s<>()\[\]\\,;:@\"'|：，、；（）「」]{1,64}"
_DOMAIN = r"(?:[A-Za-z0-9_-]{1,63}\.){1,8}[A-Za-z][A-Za-z0-9-]{1,62}"
_ADDRESS = re.compile(rf"(?<![^\s<>()\[\]\\,;:\"'|=：，、；（）「」]){_LOCAL}@{_DOMAIN}(?![\w@-])")
_AT_LINE_START = re.compile(
    rf"^[ \t]{{0,12}}(?:[-*+•][ \t]{{1,4}})?(?:[<\"'\[]|<mailto:)?({_LOCAL}@{_DOMAIN})[>\"'\]]?"
    r"(?=[ \t]*(?:$|[:,(;<]|on |\.\.\.|[A-Z]))",
    re.MULTILINE,
)
_AFTER_WORD = re.compile(
    r"(?:recipients?(?: address| name)?|rcpt to|delivered to|deliver(?:y)?(?: message| mail)? to|mail to|undeliverable to|"
    r"mail(?:box)? is full|unknown (?:user|recipient)|userid|permanent errors?)"
    rf"[ \t]{{0,4}}:?[ \t\n]{{0,4}}<?({_LOCAL}@{_DOMAIN})",
    re.IGNORECASE,
)
_FOLLOWING = re.compile(
    r"following (?:recipient|address|user)[^\n]{0,40}:\s{1,20}[^\n@]{0,120}?"
    rf"(?<![^\s<>()\[\]\\,;:\"'|=])([^\s<>()\[\]\\,;:@\"'|=]{{1,64}}@{_DOMAIN})",
    re.IGNORECASE,
)
_COPY = re.compile(
    r"^[ \t]{0,4}(?:received|return-path|dkim-signature|x-received|arc-seal):[ \t]"
    r"|^[ \t>*_-]{0,80}(?:(?:this|below(?: this line)?|(?:included|enclosed|attached)(?: below)?)(?: is)? (?:a|the) copy "
    r"|(?:begin |start of |the )?(?:original|returned|unsent|rejected) (?:message|mail)\b(?! (?:was|could|has|sent))"
    r"|message headers? follows?|(?:the )?headers? of the original|mensaje original)",
    re.IGNORECASE | re.MULTILINE,
)
_NAMING_REPLY = re.compile(
    r"^[ \t]{0,4}(?:<<< ?)?([45]\d\d[ -][^\n]{0,400}@[^\n]{0,400})", re.MULTILINE
)  # "<<< 550 <bob@x>... gone"
_RETURNED_TO = re.compile(rf"^[ \t]{{0,4}}(?:to|x-rcpt-to):[^\n]{{0,200}}?({_LOCAL}@{_DOMAIN})", re.IGNORECASE | re.MULTILINE)


def own_words(text: str) -> tuple[str, str]:
    """What the bounce says itself, and the message that it returns below that."""
    text = text[: 4 * MAX_WORDS]
    copy = _COPY.search(text)
    end = copy.start() if copy else len(text)
    return text[: min(end, MAX_WORDS)], text[end : end + MAX_WORDS]


def failed(header: Header, words: str, returned: str) -> Iterator[tuple[str, str]]:
    """Every recipient that the bounce is about, with what was said of it."""
    yield from said_of(words, _addresses(header, words, returned))


def said_of(words: str, addresses: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What was said of each address: the reply that names it, the words from it to the next one; all, where it is alone."""
    if len(addresses) == 1:
        yield addresses[0], _squeezed(words, addresses[0])
        return
    lowered = words.lower()
    starts = sorted((at, address) for address in addresses if (at := lowered.find(address.lower())) >= 0)
    ends = [at for at, _ in starts[1:]] + [len(words)]
    said = {address: words[at:end] for (at, address), end in zip(starts, ends, strict=False)}
    replies = _naming_replies(words)
    said |= {address: replies[address.lower()] for address in addresses if address.lower() in replies}
    for address in addresses:
        yield address, _squeezed(said.get(address, words), address)


def _naming_replies(words: str) -> dict[str, str]:
    """By address, the first line of a session that is a reply about it alone."""
    found: dict[str, str] = {}
    for line in _NAMING_REPLY.findall(words):
        named = {one.lower() for one in _ADDRESS.findall(line)}
        if len(named) == 1:
            found.setdefault(named.pop(), line)
    return found


def _addresses(header: Header, words: str, returned: str) -> Sequence[str]:
    named = [one.addr_spec for field in header.all("x-failed-recipients") for one in parse_address_list(field.value).mailboxes]
    if named:
        return _distinct(named)
    back = {one.lower() for one in _ADDRESS.findall((header.value("to") or "")[:2000])}
    at_start = _distinct(_AT_LINE_START.findall(words))
    for found in (at_start, _distinct(_FOLLOWING.findall(words)), _distinct(_AFTER_WORD.findall(words))):
        others = [one for one in found if one.lower() not in back]
        if others or (found and found is at_start):
            return others or found
    others = [one for one in _distinct(_ADDRESS.findall(words)) if one.lower() not in back and not _is_host(one)]
    return others[:1] or _distinct(_RETURNED_TO.findall(returned))[:1]


def _is_host(address: str) -> bool:
    return address.lower().startswith(("postmaster@", "mailer-daemon@", "support@", "abuse@"))


def _distinct(found: Iterable[str]) -> list[str]:
    return list({one.lower(): one.strip(".") for one in found}.values())[:MAX_RECIPIENTS]


# The line on which a reply begins: "550 5.1.1 ...", "said: 550 ...", "'550 ...", "550: ...", "(reason: 550 ...".
_REPLY = re.compile(r"(?:^|[\s:'\"(;=<])([45]\d\d[ :-]{1,3}(?=[\w<#(\[*\"':])[^\n]*)", re.MULTILINE)
_STATUS = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")


def _squeezed(said: str, address: str) -> str:
    """What was said of an address: from the reply on where there is one, on one line."""
    before, _, after = said.partition(address) if address else ("", "", said)  # RFC 3464 §2.3.2 asks for one; some leave it out
    text = after if len(after.strip()) > 3 else before
    reply = _REPLY.search(text) or _REPLY.search(said)
    if reply:
        text = said[said.index(reply[1]) :].partition("\n\n")[0]
        text = re.sub(r"^([45]\d\d)[ :-]{1,3}", r"\1 ", text)
    elif not _STATUS.search(text):
        text = said if len(text.strip()) < 20 else text
    return " ".join(text.split())[:MAX_DIAGNOSTIC].strip(" :<>),.\"'")
