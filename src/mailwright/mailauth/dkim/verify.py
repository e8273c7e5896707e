"""DKIM: which domains take responsibility for this message?

Standards: RFC 6376 §6.1 with RFC 8301, 8463, 8553, 8616.
Pure: asks for the keys by yielding questions, all of them at once. At most `MAX_SIGNATURES` are looked at, topmost first.
Promises: never raises; work linear in the message, memory bounded; each verdict tells its steps.
Not here: alignment with From (dmarc/), writing the verdicts down (authres.py).
"""

from __future__ import annotations

from mailwright.mail.header import Header, Raw
from mailwright.mail.questions import Asks
from mailwright.mailauth.dkim.check import DAMAGE, Check, check_signature, fetch_keys, hash_bodies
from mailwright.mailauth.dkim.signature import Verdict, parse_signature
from mailwright.values import dataclass

MAX_SIGNATURES = 10


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
    damage = sorted(DAMAGE.intersection(header.defects))
    if damage:
        # What one program takes for a field is body text to another, so no signature says anything about the rest.
        reason = f"malformed header: {damage[0]}"
        return tuple(Result(Verdict.PERMERROR, reason=reason, steps=(f"permerror: {reason}",)) for _ in fields)
    checks = [Check(parse_signature(field), now) for field in fields]
    yield from fetch_keys(checks, service)
    hash_bodies(checks, header, raw)
    for check in checks:
        if check.open:
            check_signature(check, header)
            _insist_on_from(check, header)
    return tuple(map(_result, checks))


def _insist_on_from(check: Check, header: Header) -> None:
    # RFC 6376 §8.15: a From added above the signed one is what people would see.
    if check.verdict is Verdict.PASS and len(header.all("from")) > check.signature.names.count("from"):
        check.settle(Verdict.POLICY, "a From field is not signed")


def _result(check: Check) -> Result:
    signature, key = check.signature, check.key
    return Result(
        check.verdict,
        signature.domain,
        signature.selector,
        signature.algorithm,
        signature.identity,
        check.reason,
        check.story,
        key.bits if key else 0,
        key.testing if key else False,
        check.body is not None and signature.length is not None and signature.length < check.body.size,
        check.expired,
        signature.names,
        signature.signed_at,
        signature.expires_at,
        signature.label,
    )
