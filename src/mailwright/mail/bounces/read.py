"""Is this a bounce, a complaint, a report, an automatic answer, or mail like any other? And whom is it about?

Standards: RFC 3464 first, RFC 5965, RFC 8098 (receipts), RFC 3834 (automatic answers); then the words that mail systems use
which know none of them. A bounce without a standard form has to look like one in more than one respect.
Pure; never raises; linear and bounded. Nothing here proves that a report is true (core/returning.py does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from mailwright.mail.address import parse_address_list
from mailwright.mail.arf import parse_complaint
from mailwright.mail.bounces import notices
from mailwright.mail.bounces.explain import UNEXPLAINED, explain
from mailwright.mail.bounces.model import Action as Advice
from mailwright.mail.bounces.model import Bounced, Class, Explanation, Kind, Reading
from mailwright.mail.bounces.signs import ENOUGH, arrived, is_answer, signs_in, signs_of, still_trying
from mailwright.mail.bounces.words import failed, own_words, said_of
from mailwright.mail.dsn import Action, Dsn, EnhancedStatus, RecipientStatus, parse_dsn, parse_status
from mailwright.mail.dsn.read import parse_status_text
from mailwright.mail.header import parse_header
from mailwright.mail.mime import Part, leaves, part_text, walk

MAX_TEXT = 64 * 1024
MAX_RECIPIENTS = 200  # who are looked at
MAX_ADDRESS = 320
KEPT = 400  # characters of the words of a bounce that does not say whom it is about, or why beside whom
MAX_PARTS = 4  # of text that may hold a bounce's own words

_EXITS = {
    "67": "user unknown",
    "68": "host unknown",
    "69": "service unavailable",
    "73": "cannot create the output",
    "74": "input or output error",
    "75": "temporary failure",
    "77": "permission denied",
}
_ARRIVED = (Action.DELIVERED, Action.RELAYED, Action.EXPANDED)
_COMPLAINED = Explanation(Class.NOT_A_BOUNCE, Advice.SUPPRESS, "The recipient called it spam", "Do not write there again.")


def read(root: Part, mail_from: str | None = None) -> Reading:
    """What a message is. `mail_from` is its reverse path, "" for the null one, None where it is not known."""
    report = parse_dsn(root)
    if report is not None:
        return _of_dsn(report, root)
    complaint = parse_complaint(root)
    if complaint is not None:
        return Reading(
            Kind.COMPLAINT,
            tuple(Bounced(one, "", complaint.feedback_type, _COMPLAINED) for one in complaint.recipients),
        )
    if _is_receipt(root):
        return _of_receipt(root)
    notice = notices.parse_notice(root)
    found = notice or _in_words(root, mail_from)
    if found is not None:
        return found
    return Reading(Kind.AUTOREPLY if is_answer(root.header, mail_from) else Kind.NONE)


def _of_dsn(report: Dsn, root: Part) -> Reading:
    words, _ = own_words("\n".join(_texts(root)))
    about = report.recipients[:MAX_RECIPIENTS]
    told = dict(said_of(words, [one.final_recipient for one in about if not one.diagnostic])) if words else {}
    recipients = tuple(_of_recipient(one, report.reporting_mta, told, words) for one in about)
    lost = any(one.explanation.bounce_class is not Class.NOT_A_BOUNCE for one in recipients)
    return Reading(Kind.BOUNCE if lost else Kind.REPORT, recipients)


def _of_recipient(one: RecipientStatus, reporting_mta: str, told: dict[str, str], words: str) -> Bounced:
    # A name without a dot is known to that host alone; the sender wrote to another.
    known = "." in one.final_recipient.rpartition("@")[2] and "@" in one.final_recipient
    address = one.final_recipient if known else one.original_recipient or one.final_recipient
    status, kind = one.cause, one.cause.kind if one.cause else 0
    if one.action in _ARRIVED or (kind == 2 and one.action is not Action.FAILED):
        return Bounced(address, str(status or ""), one.diagnostic, explain(f"250 {one.diagnostic}"))
    # Where the part for programs has no diagnostic, that for people may; not where the code is as good.
    said = _in_mail(one) or ("" if status and not status.vague and kind == 4 else told.get(one.final_recipient, ""))
    hosts = [host for host in (one.remote_mta, reporting_mta, address.rpartition("@")[2]) if host]
    context = f"{one.category}\n{words}"
    explanation = explain(said, status, hosts, context=context, final=one.action is Action.FAILED)
    return _bounced(address, status, said, explanation, waiting=one.action is Action.DELAYED)


def _bounced(address: str, status: EnhancedStatus | None, said: str, found: Explanation, *, waiting: bool) -> Bounced:
    if waiting and found.bounce_class is Class.HARD:
        found = replace(found, bounce_class=Class.SOFT, action=Advice.RETRY, remedy="Nothing yet: it is being tried.")
    return Bounced(address, str(status or ""), said, found, final=not waiting)


def _in_mail(one: RecipientStatus) -> str:
    """The diagnostic; a program's exit status (sysexits.h) in words, as it would else be taken for a reply code."""
    if one.diagnostic_type != "x-unix" or not one.diagnostic.isdigit():
        return one.diagnostic
    return f"exit {one.diagnostic}: {_EXITS.get(one.diagnostic, 'the program failed')}"


def _of_receipt(root: Part) -> Reading:
    """A receipt tells what became of a message that arrived; or, RFC 5429 §2.2, that the receiver's own rules refused it."""
    part = next((one for one in leaves(root) if one.content_type == "message/disposition-notification"), None)
    fields = parse_header(part.decoded(MAX_TEXT).lstrip(b"\r\n")) if part else None
    said = (fields.value("disposition") or "").lower().replace(" ", "") if fields else ""
    recipient = (fields.value("final-recipient") or "").partition(";")[2].strip() if fields else ""
    if "@" not in recipient or not (said.startswith("automatic-action/") and ";deleted" in said):
        return Reading(Kind.REPORT)
    words, _ = own_words("\n".join(_texts(root)))
    return Reading(Kind.BOUNCE, (_of_words(recipient[:MAX_ADDRESS], dict(said_of(words, [recipient]))[recipient], words),))


# --- without a standard form --------------------------------------------------------------------------------------------


def _in_words(root: Part, mail_from: str | None) -> Reading | None:
    header = root.header
    signs = signs_of(header, mail_from) + ENOUGH * _is_announced(root)
    if signs < 1 and "x-failed-recipients" not in header.names:
        return None
    text = "\n".join(_texts(root))
    words, returned = own_words(text)
    if "x-failed-recipients" not in header.names and signs + signs_in(words) < ENOUGH:
        return None
    if arrived(words):
        return Reading(Kind.REPORT)
    inner = _attached_status(root) or parse_status_text(text)
    if inner:
        return _of_dsn(Dsn(inner), root)
    blamed = tuple(failed(header, words, returned)) or tuple((address, words[:KEPT]) for address in _returned_to(root))
    found = tuple(_of_words(address, said, words, alone=len(blamed) == 1) for address, said in blamed)
    return Reading(Kind.BOUNCE, found) if found else None


def _returned_to(root: Part) -> list[str]:
    """To whom the message went that came back, where nothing else is said."""
    inner = next(
        (part.children[0].header for part in walk(root) if part.content_type == "message/rfc822" and part.children), None
    )
    listed = parse_address_list((inner.value("to") or "") if inner else "").mailboxes
    return [one.addr_spec for one in listed if one.domain][:1]


def _of_words(address: str, said: str, words: str, *, alone: bool = True) -> Bounced:
    status, hosts = _status_in(said), [address.rpartition("@")[2]]
    explanation = explain(said, status, hosts, context=words)
    if alone and status is None and explanation in UNEXPLAINED:  # the reason may stand before the address, or far below
        said = " ".join(words.split())[:KEPT]
        explanation = explain(said, None, hosts, context=words)
    return _bounced(address, status, said, explanation, waiting=still_trying(words))


def _attached_status(root: Part) -> tuple[RecipientStatus, ...]:
    """The status part of a report that a daemon has wrapped in a message of its own."""
    found = next((part for part in leaves(root) if part.content_type == "message/delivery-status"), None)
    return parse_status_text(found.decoded(MAX_TEXT).decode("utf-8", "replace")) if found else ()


_ENHANCED = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])")


def _status_in(said: str) -> EnhancedStatus | None:
    found = _ENHANCED.search(said)
    return parse_status(found[0]) if found else None


def _texts(root: Part) -> Iterator[str]:
    """The text of a bounce itself; that of attached messages only where there is no other."""
    parts = [part for part in leaves(root) if part.type == "text"][:MAX_PARTS]
    if not parts:
        yield root.decoded(MAX_TEXT).decode("utf-8", "replace")
        return
    plain = [part for part in parts if part.subtype != "html"] or parts
    for part in plain:
        yield part_text(part, MAX_TEXT)[0]


def _is_announced(root: Part) -> bool:
    # A report whose part for programs is missing or can't be found.
    return root.content_type == "multipart/report" and "delivery-status" in root.params.get("report-type", "").lower()


def _is_receipt(root: Part) -> bool:
    # RFC 8098 §3: displayed, deleted; no delivery.
    return root.content_type == "multipart/report" and "disposition-notification" in root.params.get("report-type", "").lower()
