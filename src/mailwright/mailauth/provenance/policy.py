"""Does the author's domain say that its agents always sign? Then a message without the field is by none of them.

Standard: docs/agent-identity.md §5. TXT at `_policy._agentid.<domain of From>`: `v=AGENTID1; req=2`. It is asked for only where
a message carries no field of this version: the field that is there speaks for itself. A fact beside the verdict, which it
never changes: people write from such a domain, too.
Promises: one question at most; never raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailwright.mail.header import Header, Raw
from mailwright.mail.questions import Answer, Asks, Question, RecordType, seen
from mailwright.mailauth.authors import authors_of
from mailwright.mailauth.dkim.keys import domain_name
from mailwright.mailauth.dkim.tags import parse_tags
from mailwright.mailauth.provenance.keys import MAX_RECORD, MAX_RECORDS, VERSION
from mailwright.mailauth.provenance.verify import Result, verify

REQUIRED = "2"


def verify_incoming(header: Header, raw: Raw, *, now: int) -> Asks[Result]:
    """As `verify`, and where no field of this version is there: does the author's domain want one?"""
    found = yield from verify(header, raw, now=now)
    # AI-9: the first version is on every message the same; whoever has seen one can put it on his own.
    if (found.tags or {}).get("v") == REQUIRED:
        return found
    authors = authors_of(header)
    name = domain_name(f"_policy._agentid.{authors.domains[0]}") if not authors.problem and len(authors.domains) == 1 else None
    if name is None:
        return found
    question = Question(name, RecordType.TXT)
    answer: Answer = yield question
    *steps, verdict = found.steps
    observed = seen(question, answer)
    if answer.trouble:
        return replace(found, steps=(*steps, observed, verdict))
    if not requires(answer.records):
        return Result(found.verdict, found.reason, (*steps, observed, verdict), found.tags, found.signed, required=False)
    said = f"{name} says that agents of this domain always sign: this is by none of them"
    return replace(found, required=True, steps=(*steps, observed, said, verdict))


def requires(records: Sequence[str]) -> bool:
    """Whether the one policy among a name's TXT records asks for signed identities; several are nobody's word."""
    read = [parse_tags(record) for record in records[:MAX_RECORDS] if len(record) <= MAX_RECORD]
    ours = [one.tags for one in read if not one.defect and one.tags.get("v") == VERSION]
    return len(ours) == 1 and ours[0].get("req") == REQUIRED
