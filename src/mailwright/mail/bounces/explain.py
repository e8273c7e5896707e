"""What does a reply mean? The table of replies, asked.

Sources: RFC 3463 and the IANA registry of enhanced codes, RFC 5321, RFC 7504 and 7505, and what providers publish
(replies.csv, and words.csv for what mail systems say without a code).
A row is asked only where its host gate fits (a provider's own words mean nothing from another), by tiers: a provider's words,
lists of addresses, words, enhanced codes, bare codes. The first that matches wins.
Promises: every reply has an explanation; HARD never follows from a bare 550.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from mailwright.mail.bounces.model import Action, Class, Explanation
from mailwright.mail.dsn.codes import EnhancedStatus, SmtpReply, parse_status, split_reply

MAX_CONTEXT = 6000
MAX_TEXT = 1000  # characters of a reply that are looked at

_OF_THE_ORIGIN = frozenset([(1, 7), (1, 8)])  # RFC 3463 §3.2: of the sender's address, whatever the words may be taken for
_UNSPECIFIC = frozenset([(5, 0), (7, 0), (7, 1)])  # codes that say no more than the class does
_LATER = Explanation(Class.SOFT, Action.RETRY, "Temporary failure, unexplained", "Try again later.")
_NEVER = Explanation(
    Class.POLICY, Action.SUPPRESS_SOFT, "Permanent failure, unexplained", "Read the diagnostic; do not send the same again."
)
UNEXPLAINED = (_LATER, _NEVER)
_DOUBTFUL = Explanation(
    Class.POLICY,
    Action.SUPPRESS_SOFT,
    "No such recipient, it says: after the message was seen, or under a code of another meaning",
    "Hold mail to this address until it has been looked at: it may be gone, or the message disliked.",
)
_ABOUT_DOMAINS = re.compile(r"\b(?:host|domain|exchanger)\b|^5(?:21|56)\b", re.IGNORECASE)
_DURING_RCPT = re.compile(
    # Google's servers tell the step of the session as a number; PowerMTA tells what it takes the reply for.
    r">>> ?rcpt|(?:to|after|our) rcpt|<rcpt|rcpt_to|does not like recipient|no valid recipients"
    r"|\brcpt to\b|smtp command\s{1,4}rcpt|\(state 1[34]\b|^bad-(?:mailbox|domain)$",
    re.IGNORECASE | re.MULTILINE,
)
_LOCAL_PART = re.compile(r"[^\s<>()\[\]:;,\"'@]{2,64}@")  # the words in an address say nothing: user-unknown@there.example
_BEFORE_RCPT = re.compile(
    r"after (?:mail from|initial connection)|>>> ?(?:mail from|ehlo|helo)|in reply to (?:mail from|ehlo|helo)"
    r"|(?:sender was rejected|greeting failed)\.?$",
    re.IGNORECASE | re.MULTILINE,
)
_ABOUT_RECIPIENTS = re.compile(
    r"recipient address rejected|rejected address|\brcpt\b|5\.1\.[1236]\b"
    r"|^5\d\d (?:5\.\d\.\d{1,3} )?<?\S{3,320}@\S{3,255}(?:\.\.\.|>:) ",
    re.IGNORECASE,
)
_DELIVERED = Explanation(Class.NOT_A_BOUNCE, Action.NONE, "It was delivered or passed on", "Nothing is to be done.")


@dataclass(frozen=True, slots=True)
class _Row:
    gate: str
    codes: frozenset[str]  # "550", "5xx"; empty: any
    enhanced: frozenset[str]  # "5.7.1", "X.1.1"; "" among them: also without
    pattern: re.Pattern[str]
    explanation: Explanation


def explain(
    text: str, status: EnhancedStatus | None = None, hosts: Sequence[str] = (), *, context: str = "", final: bool = False
) -> Explanation:
    """What a remote host's words mean. `status` is what the report says beside them, `hosts` who may have said them.

    `context` is all that the report says to people: it may tell which command was answered. `final`: nobody tries again.
    """
    reply = split_reply(text[:MAX_TEXT])
    code, enhanced = str(reply.code or ""), reply.enhanced if _told(reply, status) else status
    if "2" in (code[:1], str(enhanced or "")[:1]) and not code.startswith(("4", "5")) and not (status and status.kind != 2):
        return _DELIVERED
    text = " ".join(one for one in (code, str(enhanced or ""), _readable(reply.text)) if one)
    found = _found(text, code, enhanced, hosts)
    if _severity(code, enhanced) == "4" and not (final and enhanced is not None and enhanced.subject == 1):
        found = _not_yet(found)
    doubtful = (
        code
        and found.bounce_class is Class.HARD
        and not (found.provider or _of_the_address(enhanced, text, context[:MAX_CONTEXT]))
    )
    return _DOUBTFUL if doubtful else found


def _found(text: str, code: str, enhanced: EnhancedStatus | None, hosts: Sequence[str]) -> Explanation:
    named = _by_status().get(f"{enhanced.subject}.{enhanced.detail}") if enhanced else None
    if named and enhanced and (enhanced.subject, enhanced.detail) in _OF_THE_ORIGIN:
        return named
    text = _LOCAL_PART.sub("x@", text.lower())
    gates = _open_gates(hosts, text)
    for row in _rows(_severity(code, enhanced)):
        if (not row.gate or row.gate in gates) and _fits(row, code, enhanced) and row.pattern.search(text):
            return row.explanation
    if _severity(code, enhanced) == "4" and enhanced and (enhanced.subject, enhanced.detail) in _UNSPECIFIC:
        return _LATER
    return named or _bare(code) or (_LATER if _severity(code, enhanced) == "4" else _NEVER)


def _of_the_address(enhanced: EnhancedStatus | None, said: str, context: str) -> bool:
    """Whether a refusal is of the address, and not of the message by a filter that says "user unknown" to all it dislikes.

    The code says so (RFC 3463 §3.2), or it was the answer to RCPT, or to the connection (RFC 7504), or is about a domain.
    """
    if enhanced is not None and enhanced.subject in (1, 4):
        return True
    if _DURING_RCPT.search(context) or _DURING_RCPT.search(said):
        return True
    if _BEFORE_RCPT.search(context):
        return said.startswith(("521", "556"))  # nobody had been named yet
    if _ABOUT_DOMAINS.search(said):
        return True
    return not (enhanced and enhanced.subject in (2, 7)) and bool(_ABOUT_RECIPIENTS.search(f"{said} {context}"))


def _not_yet(found: Explanation) -> Explanation:
    # RFC 3463 §2: 4 is a persistent transient failure; the same may succeed tomorrow, whatever words were chosen.
    if found.bounce_class is not Class.HARD:
        return found
    return replace(found, bounce_class=Class.SOFT, action=Action.RETRY, remedy=_LATER.remedy)


def _readable(text: str) -> str:
    # Some put ISO-2022-JP into fields that know no charset.
    if "\x1b$" not in text or not text.isascii():
        return text
    return text.encode("ascii").decode("iso2022_jp", "replace")


def refusal(code: int | None, enhanced: str | None, text: str, hosts: Sequence[str | None], *, final: bool) -> dict[str, str]:
    """What a receiver's own no to a recipient means, as callers are told it."""
    said = f"{code} {text}" if code else text
    known = [host for host in hosts if host]
    return as_json(explain(said, parse_status(enhanced or ""), known, context="rcpt", final=final))


def as_json(found: Explanation) -> dict[str, str]:
    """An explanation, as callers are told it."""
    return {"class": found.bounce_class.value, "reason": found.reason, "remedy": found.remedy}


def _told(reply: SmtpReply, status: EnhancedStatus | None) -> bool:
    # What the refusing host says counts before what the reporting one makes of it, unless it says nothing by it.
    return reply.enhanced is not None and not (reply.enhanced.vague and status is not None and not status.vague)


def _severity(code: str, enhanced: EnhancedStatus | None) -> str:
    return code[:1] or (str(enhanced.kind) if enhanced else "")


def _fits(row: _Row, code: str, enhanced: EnhancedStatus | None) -> bool:
    if row.codes and code and code not in row.codes and f"{code[0]}xx" not in row.codes:
        return False
    return not row.enhanced or (str(enhanced) if enhanced else "") in row.enhanced


def _open_gates(hosts: Sequence[str], text: str) -> frozenset[str]:
    places = (text, *(host.lower() for host in hosts))
    return frozenset(name for name, gate in _gates() if any(map(gate.search, places)))


# --- the table ----------------------------------------------------------------------------------------------------------


@cache
def _table() -> tuple[tuple[str, _Row], ...]:
    """All rows in the order in which they are asked, each with its tier."""
    rows: list[dict[str, str]] = []
    for name in ("words.csv", "replies.csv"):
        rows += csv.DictReader(files(__package__).joinpath(name).read_text("utf-8").splitlines())
    rows.sort(key=lambda row: row["tier"])
    return tuple((row["tier"], _row(row)) for row in rows)


def _row(row: dict[str, str]) -> _Row:
    provider = row["provider"] if row["gate"] else ""
    # Tiers 3 and up are anybody's words: hosts that mean the same choose codes of their own within the class.
    codes = [f"{one[:1]}xx" if row["tier"] >= "3" else one for one in row["code"].split("|") if one]
    return _Row(
        gate=row["gate"],
        codes=frozenset(codes),
        enhanced=frozenset(row["enhanced"].split("|")) if row["enhanced"] else frozenset(),
        pattern=re.compile(_lowered(row["pattern"]), re.DOTALL),
        explanation=Explanation(Class(row["class"]), Action(row["action"]), row["meaning"], row["remedy"], provider),
    )


@cache
def _rows(severity: str) -> tuple[_Row, ...]:
    """The rows with words that can match a reply of this severity ("4", "5" or "" for unknown)."""
    found = [row for tier, row in _table() if tier in "123"]
    return tuple(row for row in found if not (severity and row.codes) or any(code.startswith(severity) for code in row.codes))


@cache
def _by_status() -> dict[str, Explanation]:
    """Tier 4: by subject and detail of an enhanced code."""
    return {row_status: row.explanation for tier, row in _table() if tier == "4" for row_status in _details(row)}


def _details(row: _Row) -> list[str]:
    return [one.partition(".")[2] for one in row.enhanced]


def _bare(code: str) -> Explanation | None:
    """Tier 5: a reply code alone."""
    return _by_code().get(code)


@cache
def _by_code() -> dict[str, Explanation]:
    source = csv.DictReader(files(__package__).joinpath("replies.csv").read_text("utf-8").splitlines())
    rows = [row for row in source if row["tier"] == "5"]
    return {code: _row(row).explanation for row in reversed(rows) for code in row["code"].split("|") if code.isdigit()}


@cache
def _gates() -> tuple[tuple[str, re.Pattern[str]], ...]:
    names = dict.fromkeys(row.gate for _, row in _table() if row.gate)
    return tuple((name, re.compile(_lowered(name))) for name in names)


def _lowered(pattern: str) -> str:
    r"""The pattern for text in lower case, which is found several times faster than in any case; `\S` and its like stay."""
    return re.sub(r"\\.|[A-Z]", lambda found: found[0] if len(found[0]) == 2 else found[0].lower(), pattern)
