"""DKIM: which domains take responsibility for this message?

Standards: RFC 6376 §6.1 with RFC 8301, 8463, 8553, 8616.
Pure: asks for the keys by yielding questions, all of them at once. At most `MAX_SIGNATURES` are looked at, topmost first.
Promises: never raises; work linear in the message, memory bounded; each verdict tells its steps.
Not here: alignment with From (dmarc.py), writing the verdicts down (authres.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailwright.mail.header import Header, Raw
from mailwright.mail.questions import Answer, Asks, Question, RecordType, ask_all
from mailwright.mailauth.dkim.canonical import (
    BodyHash,
    Canonicalisation,
    body_chunks,
    canonical_header,
    hash_body,
    signed_fields,
    without_signature,
)
from mailwright.mailauth.dkim.keys import Algorithm, BadKey, PublicKey, choose_key
from mailwright.mailauth.dkim.signature import Signature, Verdict, parse_signature

MAX_SIGNATURES = 10
_DAMAGE = frozenset(("bare-cr", "junk-line", "null-byte", "too-long", "too-many-fields"))


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on one signature. Names are lower case and A-labels; empty where the signature didn't tell."""

    result: Verdict
    domain: str = ""  # d=
    selector: str = ""  # s=
    algorithm: str = ""  # a=
    identity: str = ""  # i=, decoded
    reason: str = ""  # why it is not a pass, in a few words
    steps: tuple[str, ...] = ()  # what was found, in order
    key_bits: int = 0
    testing: bool = False  # the key says t=y; the verdict is the same (RFC 6376 §3.6.1)
    partial: bool = False  # l= leaves the end of the body unsigned, so anybody may have written it
    expired: bool = False
    header_fields: tuple[str, ...] = ()  # h=, lower case
    signed_at: int | None = None  # t=
    expires_at: int | None = None  # x=
    label: str = ""  # the first characters of b= (RFC 6008)

    @property
    def vouches(self) -> bool:
        """Whether the domain stands for the whole message: what DMARC may build on. A partial signature does not."""
        return self.result is Verdict.PASS and not self.partial


def verify(header: Header, raw: Raw, *, now: int, service: str = "email") -> Asks[tuple[Result, ...]]:
    """Check the DKIM signatures of a message (CRLF line ends) at time `now`; the results are in their order.

    No signature: an empty tuple. `service` is what the key must serve (`s=`): "email", "tlsrpt" for RFC 8460 reports.
    """
    fields = header.all("dkim-signature")[:MAX_SIGNATURES]
    if not fields:
        return ()
    damage = sorted(_DAMAGE.intersection(header.defects))
    if damage:
        # What one program takes for a field is body text to another, so no signature says anything about the rest.
        return tuple(Result(Verdict.PERMERROR, reason=f"malformed header: {damage[0]}") for _ in fields)
    checks = [_Check(parse_signature(field), now) for field in fields]
    yield from _fetch_keys(checks, service)
    _hash_bodies(checks, header, raw)
    for check in checks:
        if check.open:
            _check_signature(check, header)
    return tuple(check.result() for check in checks)


class _Check:
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
        self.verdict, self.reason = verdict, reason

    def result(self) -> Result:
        signature, key = self.signature, self.key
        self.steps.append(f"{self.verdict}: {self.reason}" if self.reason else self.verdict.value)
        return Result(
            self.verdict,
            signature.domain,
            signature.selector,
            signature.algorithm,
            signature.identity,
            self.reason,
            tuple(self.steps),
            key.bits if key else 0,
            key.testing if key else False,
            self.body is not None and signature.length is not None and signature.length < self.body.size,
            self.expired,
            signature.names,
            signature.signed_at,
            signature.expires_at,
            signature.label,
        )


def _fetch_keys(checks: Iterable[_Check], service: str) -> Asks[None]:
    asked = [(check, Question(check.signature.key_name, RecordType.TXT)) for check in checks if check.open]
    questions = tuple(dict.fromkeys(question for _, question in asked))
    answers = dict(zip(questions, (yield from ask_all(questions)), strict=True))
    for check, question in asked:
        _take_key(check, answers[question], service)


def _take_key(check: _Check, answer: Answer, service: str) -> None:
    signature = check.signature
    if answer.trouble:
        return check.settle(Verdict.TEMPERROR, f"no answer for the key: {answer.status}")
    if not answer.records:
        return check.settle(Verdict.PERMERROR, "no key")
    key = choose_key(answer.records, Algorithm(signature.algorithm), service)
    if isinstance(key, BadKey):
        return check.settle(Verdict.PERMERROR, key.reason)
    check.key = key
    check.steps.append(f"key {signature.key_name}: {signature.algorithm}, {key.bits} bits")
    # RFC 6376 §3.6.1 t=s: the domain of i= must not be below d= then.
    if key.strict and signature.identity_domain != signature.domain:
        check.settle(Verdict.PERMERROR, "i= is below d=, which the key forbids")
    return None


def _hash_bodies(checks: Iterable[_Check], header: Header, raw: Raw) -> None:
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


def _check_signature(check: _Check, header: Header) -> None:
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
    # RFC 6376 §8.15: a From added above the signed one is what people would see.
    if len(header.all("from")) > signature.names.count("from"):
        return check.settle(Verdict.POLICY, "a From field is not signed")
    return check.settle(Verdict.PASS)
