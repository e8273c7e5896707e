"""Is this message what its Agent-Identity says?

Standard: docs/agent-identity.md §6, whose order of tests this keeps: the first that applies is the verdict.
Pure: asks for one key by yielding one question, and only once the field itself is in order.
Promises: never raises; work linear in the message; the parts are hashed only where header or body changed.
Not here: replays and trust (core/receiving.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from mailwright.mail.address import parse_address_list
from mailwright.mail.header import Header, Raw
from mailwright.mail.questions import Answer, Asks, Question, RecordType, seen
from mailwright.mailauth.authors import authors_of
from mailwright.mailauth.dkim.keys import domain_name
from mailwright.mailauth.provenance.hashes import CORE, body_hash, header_hash, part_hashes, recipient_hash
from mailwright.mailauth.provenance.keys import BadKey, PublicKey, choose_key, key_name
from mailwright.mailauth.provenance.tags import FIELD, MAX_FIELD, Claim, Malformed, legacy_octets, parse
from mailwright.values import dataclass

SKEW = 300  # seconds that a signer's clock may be ahead
LONGEST = 30 * 24 * 3600  # seconds from t to x

# What one program takes for a field is body text to another, so nothing is said of such a header.
_DAMAGE = frozenset(("bare-cr", "junk-line", "null-byte", "too-long", "too-many-fields"))


class Verdict(StrEnum):
    """What became of the field's claim."""

    NONE = "none"  # no field, or an algorithm not known here
    PASS = "pass"  # intact
    RELAYED = "pass relayed"  # intact, made for another envelope recipient
    CONTENT = "pass-content"  # From, Date, Message-ID and all parts are as signed, and nothing else is promised
    ADDED = "pass-content+added"  # so, and somebody added parts
    FAIL = "fail"
    EXPIRED = "expired"
    PERMERROR = "permerror"
    TEMPERROR = "temperror"


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict, how it came about, and what the field says. Tags are to be believed only where `signed` is true."""

    verdict: Verdict
    reason: str = ""  # why it is not a pass, in a few words
    steps: tuple[str, ...] = ()
    tags: Mapping[str, str] | None = None
    signed: bool = False  # the key that DNS has made this field, whatever became of the message
    required: bool | None = None  # the author's domain says that its agents always sign; None: not asked, or not told

    @property
    def passes(self) -> bool:
        """Whether the message is intact, whomever it was made for."""
        return self.verdict in (Verdict.PASS, Verdict.RELAYED)

    @property
    def genuine(self) -> bool:
        """Whether the parts at least are what the key's owner signed, within its time."""
        return self.passes or self.verdict in (Verdict.CONTENT, Verdict.ADDED)

    def seen_by(self, rcpt: str) -> Result:
        """The same for one envelope recipient: `pass` becomes `pass relayed` where it was made for another."""
        if self.verdict is not Verdict.PASS or self.tags is None or "rc" not in self.tags:
            return self
        ours = recipient_hash(self.tags["n"], rcpt) == self.tags["rc"]
        verdict = Verdict.PASS if ours else Verdict.RELAYED
        whom = "this recipient" if ours else "another recipient"
        return replace(self, verdict=verdict, steps=(*self.steps[:-1], f"made for {whom}", verdict.value))


_ABSENT = Result(Verdict.NONE, "no Agent-Identity field", ("none: no Agent-Identity field",))


class _Over(Exception):
    """A test that settles the verdict."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict


def verify(header: Header, raw: Raw, *, now: int, rcpt: str | None = None) -> Asks[Result]:
    """Check the field of a message (CRLF line ends) at time `now` (seconds), as the envelope recipient `rcpt` sees it."""
    if not header.all(FIELD):
        return _ABSENT
    steps: list[str] = []
    claim: Claim | Malformed | None = None
    signed = False
    try:
        claim = _the_field(header)
        if isinstance(claim, Malformed):
            raise _Over(Verdict.NONE if claim.unknown else Verdict.PERMERROR, claim.reason)
        name = _place(header, claim, steps)
        question = Question(name, RecordType.TXT)
        reply: Answer = yield question
        steps.append(seen(question, reply))
        key = _admitted(claim, _key(name, reply, steps))
        _signatures(claim, key, steps)
        signed = True
        _times(claim, now, steps)
        verdict, reason = _message(claim, header, raw, steps), ""
    except _Over as over:
        verdict, reason = over.verdict, str(over)
    steps.append(f"{verdict}: {reason}" if reason else verdict.value)
    result = Result(verdict, reason, tuple(steps), dict(claim.tags) if claim is not None else None, signed)
    return result if rcpt is None else result.seen_by(rcpt)


def _the_field(header: Header) -> Claim | Malformed:
    fields = header.all(FIELD)
    if len(fields) > 1:
        raise _Over(Verdict.PERMERROR, f"there are {len(fields)} Agent-Identity fields")
    damage = sorted(_DAMAGE.intersection(header.defects))
    if damage:
        raise _Over(Verdict.PERMERROR, f"malformed header: {damage[0]}")
    return parse(fields[0].body)


def _place(header: Header, claim: Claim, steps: list[str]) -> str:
    """Where the key is, for a domain that may speak for the author."""
    domain, name = domain_name(claim.tags["d"]), key_name(claim.tags["d"], claim.tags["s"])
    if domain is None or name is None:
        raise _Over(Verdict.PERMERROR, "d or s is no name in DNS")
    fields = header.all("from")
    if len(fields) == 1 and len(fields[0].body) > MAX_FIELD:
        raise _Over(Verdict.FAIL, "From is too long")
    authors = authors_of(header)
    if authors.problem or len(parse_address_list(fields[0].value).mailboxes) != 1:
        raise _Over(Verdict.FAIL, f"not exactly one From address: {authors.problem or 'there are several'}")
    if not ("." + authors.domains[0]).endswith("." + domain):
        raise _Over(Verdict.FAIL, f"From is of {authors.domains[0]}, which {domain} can't speak for")
    steps.append(f"{domain} speaks for From at {authors.domains[0]}")
    return name


def _key(name: str, answer: Answer, steps: list[str]) -> PublicKey:
    if answer.trouble:
        raise _Over(Verdict.TEMPERROR, f"no answer for the key: {answer.status}")
    key = choose_key(answer.records)
    if isinstance(key, BadKey):
        raise _Over(Verdict.PERMERROR, f"{name}: {key.reason}")
    steps.append(f"key at {name}, for agent {key.agent[:64]}")
    return key


def _admitted(claim: Claim, key: PublicKey) -> PublicKey:
    if refusal := key.refusal(claim.tags["agent_id"], claim.tags["oversight"]):
        raise _Over(Verdict.FAIL, refusal)
    return key


def _signatures(claim: Claim, key: PublicKey, steps: list[str]) -> None:
    if not key.verify(claim.signature("b"), claim.signed()):
        raise _Over(Verdict.FAIL, "the tags were changed, or the key is another")
    if not key.verify(claim.signature("sig"), legacy_octets(claim.tags["agent_id"], claim.tags["oversight"])):
        raise _Over(Verdict.FAIL, "sig is not this key's signature of agent and mode")
    steps.append(f"signed by the key: {len(claim.tags)} tags")


def _times(claim: Claim, now: int, steps: list[str]) -> None:
    made, ends = int(claim.tags["t"]), int(claim.tags["x"])
    if made > now + SKEW:
        raise _Over(Verdict.FAIL, "signed in the future")
    if ends - made > LONGEST:
        raise _Over(Verdict.FAIL, "good for more than 30 days")
    if ends < now:
        raise _Over(Verdict.EXPIRED, f"ended at {ends}")
    steps.append(f"signed at {made}, good until {ends}")


def _message(claim: Claim, header: Header, raw: Raw, steps: list[str]) -> Verdict:
    if header_hash(header, CORE) != claim.tags["ch"]:
        raise _Over(Verdict.FAIL, "From, Date or Message-ID is not what was signed")
    same_header = header_hash(header, claim.names) == claim.tags["hh"]
    same_body = body_hash(raw, header.body_start) == claim.tags["bh"]
    changed = " and ".join(word for word, same in (("header", same_header), ("body", same_body)) if not same)
    if not changed:
        steps.append(f"header ({len(claim.names)} names) and body are as signed")
        return Verdict.PASS
    steps.append(f"{changed} changed since it was signed")
    return _content(claim.tags["ph"], part_hashes(raw, header), steps)


def _content(signed: str, there: list[str] | None, steps: list[str]) -> Verdict:
    if signed == "none" or there is None:
        raise _Over(Verdict.FAIL, "the parts can't be compared")
    wanted = signed.split(".")
    if wanted == there:
        steps.append(f"all {len(wanted)} parts are as signed")
        return Verdict.CONTENT
    if Counter(wanted) - Counter(there):
        raise _Over(Verdict.FAIL, "a part is not what was signed")
    steps.append(f"all {len(wanted)} signed parts are there, among {len(there)}")
    return Verdict.ADDED
