"""Which conversation does a message belong to?

Standards: RFC 5322 §3.6.4 (identification fields), RFC 5256 §2.1 (base subject).
Pure. A message id is always held as it stands in the field, with its angle brackets. Everything read is bounded:
a field gives at most `MAX_READ` ids, a subject is looked at for `MAX_SUBJECT` characters.
Not here: the thread trees that IMAP asks for (thread_tree.py), what a reply says (compose).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mailwright.mail.header import Header

MAX_READ = 100  # ids believed of one field: the first, and the last MAX_READ - 1
MAX_WRITTEN = 20  # ids in a References field of ours
MAX_OCTETS = 998 - len("References: ")  # RFC 5322 §2.1.1, as if the field stood on one line
MAX_ID = 900  # octets; longer things are no ids
MAX_SUBJECT = 1000  # characters
SUBJECT_WINDOW = 30 * 86400  # seconds in which an equal subject may join a conversation

_BRACKETED = re.compile(rb"<[^<>]*>")
_WHITE = b" \t\r\n"


class MessageIds(NamedTuple):
    """What a message says of its place: its own id ("" if none), what it answers, and what came before that."""

    own: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]

    @property
    def nearest_first(self) -> tuple[str, ...]:
        """Every id the message names, the nearest ancestor first: In-Reply-To, then References from its end."""
        return tuple(dict.fromkeys((*self.in_reply_to, *reversed(self.references))))


def message_ids(header: Header) -> MessageIds:
    """Read Message-ID, In-Reply-To and References leniently.

    Folding inside an id is undone, the phrases and addresses that old mailers put into In-Reply-To are passed over, and
    an id without brackets is taken where nothing else can be meant. An id named twice counts once, in its last place.
    """
    own = _ids(header, "message-id")
    if not own and (bare := _bare(header, "message-id")):
        own = bare[:1]
    references = _ids(header, "references") or [word for word in _bare(header, "references") if "@" in word]
    return MessageIds(own[0] if own else "", _last_places(_ids(header, "in-reply-to")), _last_places(references))


def _ids(header: Header, name: str) -> list[str]:
    # The topmost field alone: what a second one says is for whoever judges duplicates.
    field = header.first(name)
    if field is None:
        return []
    found = _BRACKETED.findall(field.raw)
    if len(found) > MAX_READ:
        found = [found[0], *found[1 - MAX_READ :]]
    return [text for raw in found if (text := _text(raw.translate(None, _WHITE))) and len(text) > 2]


def _bare(header: Header, name: str) -> list[str]:
    field = header.first(name)
    words = field.body[: MAX_READ * MAX_ID].split() if field else []
    return [f"<{text}>" for word in words[:MAX_READ] if (text := _text(word.translate(None, b"<>")))]


def _text(raw: bytes) -> str:
    if len(raw) > MAX_ID:
        return ""
    text = raw.decode("utf-8", "replace")
    return text if text.isprintable() else ""


def _last_places(ids: list[str]) -> tuple[str, ...]:
    return tuple(reversed(dict.fromkeys(reversed(ids))))


def reply_ids(parent: MessageIds) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """In-Reply-To and References of an answer to `parent` (RFC 5322 §3.6.4); both empty if the parent has no id.

    References is the parent's, or its In-Reply-To where that is exactly one id, and then the parent's own id.
    """
    before = parent.references or (parent.in_reply_to if len(parent.in_reply_to) == 1 else ())
    if not parent.own:
        # RFC 5322 §3.6.4: a parent without an id gets no In-Reply-To; what it referred to may still be named.
        return (), cut_references(before)
    return (parent.own,), cut_references((*(ref for ref in before if ref != parent.own), parent.own))


def cut_references(ids: Sequence[str]) -> tuple[str, ...]:
    """At most `MAX_WRITTEN` ids in at most `MAX_OCTETS` octets: the first, which names the conversation, and the last."""
    unique = _last_places(list(ids))
    if not unique:
        return ()
    first, rest = unique[0], unique[1:][1 - MAX_WRITTEN :]
    room = MAX_OCTETS - len(first.encode())
    kept: list[str] = []
    for one in reversed(rest):
        room -= 1 + len(one.encode())
        if room < 0:
            break
        kept.append(one)
    if rest and not kept:  # two giant ids: the parent matters more than the beginning
        return (rest[-1],)
    return (first, *reversed(kept))


class Subject(NamedTuple):
    """A subject taken apart: its base, and whether anything around it said "reply" or "forward"."""

    base: str
    is_answer: bool


_BLOB = r"\[[^\[\]]*+\] ?"
_TRAILER = "(fwd)"
# RFC 5256 §5, subj-leader; possessive, so that nothing is tried twice.
_LEADER = re.compile(rf" |(?:{_BLOB})*+(?:re|fwd?) ?(?:{_BLOB})?:", re.IGNORECASE)
_ONE_BLOB = re.compile(_BLOB)
_FORWARD_HEAD = "[fwd:"

# What answers and forwards are called elsewhere, beside re, fw and fwd. RFC 5256 knows English alone.
_REPLY = "re aw antw antwort sv vs vá odp ynt rif res ris r bls atb απ σχετ отв ответ 回复 回覆 答复 答覆 返信 回信 답장 회신"
_FORWARD = "fwd fw wg tr rv enc vb vl doorst továbbítás pd ilt πρθ пер пересл fs 转发 轉寄 轉發 転送 전달"
REPLY_WORDS = frozenset(_REPLY.split()) | {"رد", "השב", "תשובה"}
FORWARD_WORDS = frozenset(_FORWARD.split()) | {"إعادة", "הועבר"}
_ANSWER_WORDS = REPLY_WORDS | FORWARD_WORDS
_WORD_HEAD = re.compile(r"([^\W\d_]{1,12})(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3}|\d{1,3})? ?[:：] ?")


def base_subject(text: str) -> str:
    """The base subject by RFC 5256 §2.1, of a subject whose encoded words are decoded. Case is kept; compare casefolded.

    A subject with a NUL in it is no text (RFC 5322 §4.1) and has an empty base, which equals nothing.
    """
    return split_subject(text).base


def split_subject(text: str) -> Subject:
    """`base_subject`, and whether the subject is that of a reply or forward (RFC 5256 §2.1, end)."""
    left = " ".join(text[:MAX_SUBJECT].split())  # step 1, and the white space of step 2
    answer = False
    while True:
        while left[-5:].lower() == _TRAILER:  # step 2
            left, answer = left[:-5].rstrip(), True
        left, led = _without_leaders(left)  # steps 3 to 5
        answer |= led
        if left[:5].lower() != _FORWARD_HEAD or left[-1] != "]":  # step 6
            return Subject("" if "\0" in left else left, answer)
        left, answer = left[5:-1].strip(), True


def _without_leaders(text: str) -> tuple[str, bool]:
    at, answer = 0, False
    while True:
        if match := _LEADER.match(text, at):
            answer |= match[0] != " "
        elif not (match := _ONE_BLOB.match(text, at)) or match.end() == len(text):
            # step 4: a blob stays when nothing would be left
            return text[at:], answer
        at = match.end()


def conversation_subject(text: str) -> Subject:
    """The base subject by which conversations are compared: as `split_subject`, casefolded, other languages' words too.

    "AW: [list] Re[2]: Tea?" and "回复：tea?" are both ("tea?", True). This is the key to keep beside a conversation.
    """
    left, answer = split_subject(text)
    while match := _WORD_HEAD.match(left):
        if match[1].casefold() not in _ANSWER_WORDS:
            break
        left, answer = split_subject(left[match.end() :]).base, True
    return Subject(left.casefold(), answer)


def reply_subject(subject: str) -> str:
    """The subject of an answer: "Re: " once, whatever words for it, in whatever language, stood there before."""
    return f"Re: {_without_words(subject, REPLY_WORDS)}".rstrip()


def forward_subject(subject: str) -> str:
    """The subject of a forward: "Fwd: " once."""
    return f"Fwd: {_without_words(subject, FORWARD_WORDS)}".rstrip()


def _without_words(subject: str, words: Collection[str]) -> str:
    left = " ".join(subject.split())
    at = 0
    while (match := _WORD_HEAD.match(left, at)) and match[1].casefold() in words:
        at = match.end()
    return left[at:]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What counts of a new message when its conversation is chosen. Addresses are normalised by the caller."""

    ids: MessageIds
    header_from: str
    others: frozenset[str]  # everybody in To and Cc
    subject: Subject  # of `conversation_subject`
    at: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Candidate:
    """A conversation *of the same mailbox* that names, or may be named by, the new message."""

    thread_id: str
    message_ids: frozenset[str]  # ids of messages in it; those the new message names are enough
    participants: frozenset[str]  # everybody who wrote in it or was written to
    base_subject: str  # of `conversation_subject`
    last_at: float


def choose_thread(candidates: Sequence[Candidate], arrival: Arrival) -> str | None:
    """The `thread_id` of the conversation that the message joins, or None: it opens a new one.

    The caller offers conversations of the mailbox alone, so nothing crosses a mailbox. Then, in this order:

    1. By reference. A conversation qualifies when it holds an id that In-Reply-To or References names, *and* either the
       From address takes part in it already, or both base subjects are equal and not empty. So an answer from an alias
       joins (same subject), a known partner may change the subject (same person), and a stranger who forges References
       under a subject of his own opens a conversation of his own. Of several the one with the nearest id wins:
       In-Reply-To before References, References from its end.
    2. By subject, for those whose relay rewrites Message-IDs. A conversation qualifies when the message calls itself an
       answer ("Re:", in any language), the base subjects are equal and not empty, the From address *and* everybody in To
       and Cc take part in it already, and its last message is at most 30 days old. A subject alone never joins what
       different people wrote. The latest wins.

    Ties go to the later `last_at`, then to the smaller `thread_id`; the order of `candidates` has no effect. Joining says
    nothing of trust: a participant who is new in an old conversation is new to policy.
    """
    nearest = {one: rank for rank, one in enumerate(arrival.ids.nearest_first)}
    if found := min(_by_reference(candidates, arrival, nearest), default=None):
        return found[-1]
    latest = min(_by_subject(candidates, arrival), default=None)
    return latest[-1] if latest else None


def _by_reference(
    candidates: Sequence[Candidate], arrival: Arrival, nearest: dict[str, int]
) -> Iterator[tuple[float, float, str]]:
    for one in candidates:
        named = [nearest[known] for known in one.message_ids if known in nearest]
        if named and (arrival.header_from in one.participants or _same_subject(one, arrival)):
            yield min(named), -one.last_at, one.thread_id


def _by_subject(candidates: Sequence[Candidate], arrival: Arrival) -> Iterator[tuple[float, str]]:
    everybody = arrival.others | {arrival.header_from}
    for one in candidates:
        recent = arrival.at - one.last_at <= SUBJECT_WINDOW
        if arrival.subject.is_answer and recent and _same_subject(one, arrival) and everybody <= one.participants:
            yield -one.last_at, one.thread_id


def _same_subject(one: Candidate, arrival: Arrival) -> bool:
    return bool(one.base_subject) and one.base_subject == arrival.subject.base
