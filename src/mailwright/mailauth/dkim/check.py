"""One signature on its way to a verdict: its key, the body it covers, the fields it covers.

Standards: RFC 6376 §6.1 with RFC 8301, 8463, 8553, 8616.
Pure: asks for the keys by yielding questions, all of them at once; a body is hashed once for each canonical form.
Not here: which signatures there are and what follows from them (verify.py for DKIM, arc/ for ARC).
"""

from __future__ import annotations

from collections.abc import Iterable

from mailwright.mail.header import Header, Raw
from mailwright.mail.questions import Answer, Asks, Question, RecordType, ask_all, seen
from mailwright.mailauth.dkim.canonical import (
    BodyHash,
    Canonicalisation,
    body_chunks,
    canonical_header,
    hash_body,
    signed_fields,
    without_signature,
)
from mailwright.mailauth.dkim.keys import BadKey, PublicKey, choose_key
from mailwright.mailauth.dkim.signature import ALGORITHMS, Signature, Verdict

DAMAGE = frozenset(("bare-cr", "junk-line", "null-byte", "too-long", "too-many-fields"))


class Check:
    """One signature on its way to a verdict: open until something settles it."""

    __slots__ = ("body", "expired", "key", "reason", "signature", "steps", "verdict")

    def __init__(self, signature: Signature, now: int) -> None:
        self.signature = signature
        self.verdict = signature.verdict
        self.reason = signature.problem
        self.key: PublicKey | None = None
        self.body: BodyHash | None = None
        self.steps: list[str] = []
        # RFC 6376 §3.5 x=, §6.1.1: after that time the signature isn't to be believed, whatever DNS has.
        self.expired = self.open and signature.expires_at is not None and signature.expires_at < now
        if self.expired:
            self.settle(Verdict.FAIL, "expired")

    @property
    def open(self) -> bool:
        return self.verdict is Verdict.NONE

    def settle(self, verdict: Verdict, reason: str = "") -> None:
        """Nothing more is to be found out."""
        self.verdict, self.reason = verdict, reason

    @property
    def story(self) -> tuple[str, ...]:
        """The steps, the verdict last."""
        return (*self.steps, f"{self.verdict}: {self.reason}" if self.reason else self.verdict.value)


def fetch_keys(checks: Iterable[Check], service: str) -> Asks[None]:
    """Ask for the keys of all open signatures in one round, each name once, and settle those without a fitting key."""
    asked = [(check, Question(check.signature.key_name, RecordType.TXT)) for check in checks if check.open]
    questions = tuple(dict.fromkeys(question for _, question in asked))
    answers = dict(zip(questions, (yield from ask_all(questions)), strict=True))
    for check, question in asked:
        check.steps.append(seen(question, answers[question]))
        _take_key(check, answers[question], service)


def _take_key(check: Check, answer: Answer, service: str) -> None:
    signature = check.signature
    if answer.trouble:
        return check.settle(Verdict.TEMPERROR, f"no answer for the key: {answer.status}")
    if not answer.records:
        return check.settle(Verdict.PERMERROR, "no key")
    key = choose_key(answer.records, ALGORITHMS[signature.algorithm], service)
    if isinstance(key, BadKey):
        return check.settle(Verdict.PERMERROR, key.reason)
    check.key = key
    check.steps.append(f"key: {signature.algorithm}, {key.bits} bits")
    # RFC 6376 §3.6.1 t=s: the domain of i= must not be below d= then.
    if key.strict and signature.identity_domain != signature.domain:
        check.settle(Verdict.PERMERROR, "i= is below d=, which the key forbids")
    return None


def hash_bodies(checks: Iterable[Check], header: Header, raw: Raw) -> None:
    """Hash the body once for each canonical form that the open signatures want."""
    lengths: dict[Canonicalisation, set[int]] = {}
    waiting = [check for check in checks if check.open]
    for check in waiting:
        wanted = lengths.setdefault(check.signature.body_form, set())
        if check.signature.length is not None:
            wanted.add(check.signature.length)
    hashes = {form: BodyHash(form, lengths=wanted) for form, wanted in lengths.items()}
    if hashes:
        hash_body(body_chunks(raw, header.body_start), tuple(hashes.values()))
    for check in waiting:
        check.body = hashes[check.signature.body_form]


def check_signature(check: Check, header: Header) -> None:
    """Settle a signature whose key is there and whose body is hashed."""
    signature, body, key = check.signature, check.body, check.key
    assert body is not None
    assert key is not None
    found = body.digest(signature.length)
    # RFC 6376 §3.5 l=: must not exceed the canonical body.
    if signature.length is not None and signature.length > body.size:
        return check.settle(Verdict.PERMERROR, "l= exceeds the body")
    # RFC 6376 §6.1.3: the body hash decides first; it is the cheaper test, and shared.
    if found != signature.body_hash:
        return check.settle(Verdict.FAIL, "body was changed")
    check.steps.append(f"body hash matches, {signature.body_form}")
    if signature.length is not None and signature.length < body.size:
        check.steps.append(f"l= leaves {body.size - signature.length} octets of the body unsigned")
    fields = signed_fields(header, signature.names, signature.field)
    covered = [field.raw for field in fields]
    covered.append(without_signature(signature.field.raw))
    if not key.verify(signature.signature, canonical_header(covered, signature.header_form)):
        return check.settle(Verdict.FAIL, "header was changed, or the key is another")
    check.steps.append(f"signature matches, {len(fields)} fields, {signature.header_form}")
    return check.settle(Verdict.PASS)
