"""ARC: does the chain of those who handled this message hold?

Standards: RFC 8617 §5.2; RFC 6376 with 8301 and 8463 for the signatures in it. RFC 8617 is experimental and on its way to
historic: the result is told, and decides nothing unless somebody names the sealers he trusts (authenticate.py).
Pure: asks for the keys by yielding questions, all of them at once: at most 51 names, and as many signatures to check.
Promises: never raises; the verdict tells its steps. DNS trouble is `temperror`, which RFC 8617 has no word for.
Not here: the structure of a chain (fields.py), sealing (seal.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from mailwright.mail.header import Header, Raw
from mailwright.mail.questions import Asks
from mailwright.mailauth.arc.fields import ArcSet, Chain, read_chain
from mailwright.mailauth.dkim.canonical import Canonicalisation, canonical_header, without_signature
from mailwright.mailauth.dkim.check import DAMAGE, Check, check_signature, fetch_keys, hash_bodies
from mailwright.mailauth.dkim.signature import Verdict
from mailwright.values import dataclass


class ArcResult(StrEnum):
    """What is said of a chain, in the words of RFC 8617 §4.4."""

    NONE = "none"
    """The message has no chain."""
    PASS = "pass"
    """The chain holds: every seal is valid, and the newest handler's signature matches the message."""
    FAIL = "fail"
    """It does not, or it said so itself."""
    TEMPERROR = "temperror"
    """DNS failed; a later attempt may succeed."""


@dataclass(frozen=True, slots=True)
class ArcVerdict:
    """The answer of `verify`, with what led to it.

    `instance` is the highest there is, 0 without a chain. `sealers` are the domains of the seals, oldest first, where the
    chain passes; only then do the fields mean anything. `first_results` is what the oldest handler saw, as it wrote it.
    `ended`: the newest seal says `cv=fail`, and nobody may seal again. `partial`: the end of the body is not signed.
    """

    result: ArcResult
    instance: int = 0
    sealers: tuple[str, ...] = ()
    first_results: str = ""
    ended: bool = False
    partial: bool = False
    reason: str = ""
    steps: tuple[str, ...] = ()


def verify(header: Header, raw: Raw, *, now: int) -> Asks[ArcVerdict]:
    """Check the ARC chain of a message (CRLF line ends) at time `now`, seconds since 1970."""
    chain = read_chain(header)
    damage = sorted(DAMAGE.intersection(header.defects))
    problem = f"malformed header: {damage[0]}" if damage and chain.highest else chain.problem
    if problem:
        return ArcVerdict(ArcResult.FAIL, chain.highest, ended=chain.failed, reason=problem, steps=(f"fail: {problem}",))
    if not chain.sets:
        return ArcVerdict(ArcResult.NONE, steps=("the message has no ARC sets",))
    message = Check(chain.sets[-1].message, now)
    seals = [Check(one.seal, now) for one in chain.sets]
    yield from fetch_keys((message, *seals), "email")
    hash_bodies((message,), header, raw)
    if message.open:
        check_signature(message, header)
    _check_seals(chain.sets, seals)
    return _verdict(chain, message, seals)


def signed_by_seals(sets: Sequence[ArcSet]) -> Iterator[bytes]:
    """For each set in turn, what its seal signs (RFC 8617 §5.1.1): all sets so far, the seal's own value left out."""
    before = b""
    for one in sets:
        own = _relaxed(one.results.raw) + _relaxed(one.message.field.raw)
        # RFC 6376 §3.7: the last field stands without its line end.
        yield before + own + _relaxed(without_signature(one.seal.field.raw))[:-2]
        before += own + _relaxed(one.seal.field.raw)


def _relaxed(raw: bytes) -> bytes:
    return canonical_header((raw,), Canonicalisation.RELAXED) + b"\r\n"


def _check_seals(sets: Sequence[ArcSet], seals: Sequence[Check]) -> None:
    for check, signed in zip(seals, signed_by_seals(sets), strict=True):
        if check.open and check.key is not None:
            valid = check.key.verify(check.signature.signature, signed)
            check.settle(Verdict.PASS if valid else Verdict.FAIL, "" if valid else "a set was changed, or the key is another")


def _verdict(chain: Chain, message: Check, seals: Sequence[Check]) -> ArcVerdict:
    # The newest first, as RFC 8617 §5.2 goes about it; what fails for good outweighs what DNS did not tell.
    named = [(f"the message signature of i={chain.highest}", message)]
    named += [(f"the seal of i={number}", check) for number, check in reversed([*enumerate(seals, 1)])]
    steps = tuple(_story(named))
    failed = next(((n, c) for n, c in named if c.verdict not in (Verdict.PASS, Verdict.TEMPERROR)), None)
    doubtful = next(((n, c) for n, c in named if c.verdict is Verdict.TEMPERROR), None)
    found = failed or doubtful
    if found is not None:
        result = ArcResult.FAIL if failed else ArcResult.TEMPERROR
        reason = f"{found[0]}: {found[1].reason}"
        return ArcVerdict(result, chain.highest, reason=reason, steps=(*steps, f"{result}: {reason}"))
    sealers = tuple(check.signature.domain for check in seals)
    length, body = message.signature.length, message.body
    partial = length is not None and body is not None and length < body.size
    steps = (*steps, f"pass: sealed by {', then '.join(sealers)}")
    return ArcVerdict(ArcResult.PASS, chain.highest, sealers, chain.sets[0].results.value, partial=partial, steps=steps)


def _story(named: Sequence[tuple[str, Check]]) -> Iterator[str]:
    """The steps of all signatures; what was said of one, a key's record above all, is not said again of the next."""
    told: set[str] = set()
    for name, check in named:
        *found, verdict = check.story
        yield from (f"{name}: {step}" for step in found if step not in told)
        yield f"{name}: {verdict}"
        told.update(found)
