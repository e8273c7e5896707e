"""Is this DMARC record a good one to publish? Advice to the owner of a domain.

Standards: RFC 9989 §4.7, §4.8 (tags), §4.10 (one record), §5.1 and §7.4 (what owners must and should not do).
Pure; asks nothing: the caller has the TXT records of `_dmarc.<domain>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailwright.mailauth.dmarc.record import DmarcDefect, DmarcRecord, Policy, TagDefect, parse_record


class DmarcAdvice(StrEnum):
    """What can be wrong with a record that is published."""

    NO_RECORD = "no-record"
    SEVERAL_RECORDS = "several-records"
    WITHOUT_EFFECT = "without-effect"
    MISSING_TAG = "missing-tag"
    INVALID_TAG = "invalid-tag"
    UNKNOWN_TAG = "unknown-tag"
    REPEATED_TAG = "repeated-tag"
    REMOVED_TAG = "removed-tag"
    SIZE_SUFFIX = "size-suffix"
    NO_REPORTS = "no-reports"
    TESTING = "testing"
    SPF_ALONE = "spf-alone"
    REJECT_FOR_PEOPLE = "reject-for-people"


@dataclass(frozen=True, slots=True)
class DmarcFinding:
    """One piece of advice: `text` says it to a person; `tag` is the tag it is about, "" for the whole record."""

    code: DmarcAdvice
    text: str
    tag: str = ""


_TAG_ADVICE = {
    DmarcDefect.MISSING: (DmarcAdvice.MISSING_TAG, "`{tag}=` is missing; many receivers still ask for it."),
    DmarcDefect.INVALID: (DmarcAdvice.INVALID_TAG, "The value of `{tag}=` can't be read."),
    DmarcDefect.UNKNOWN: (DmarcAdvice.UNKNOWN_TAG, "`{tag}=` is no tag of DMARC and is ignored."),
    DmarcDefect.REPEATED: (DmarcAdvice.REPEATED_TAG, "`{tag}=` stands more than once; only the first counts here."),
    DmarcDefect.REMOVED: (DmarcAdvice.REMOVED_TAG, "`{tag}=` was taken out of DMARC (RFC 9989) and is ignored."),
    DmarcDefect.SIZE_SUFFIX: (DmarcAdvice.SIZE_SUFFIX, "The size limit behind `!` in `{tag}=` is obsolete and ignored."),
}


def lint(domain: str, texts: Sequence[str], *, signs: bool, people: bool) -> tuple[DmarcFinding, ...]:
    """What to mend in the DMARC record of `domain`, given the TXT records of its `_dmarc` name. Empty: nothing.

    `signs`: its mail bears DKIM signatures that are aligned. `people`: people write from it, to mailing lists too.
    """
    records = [record for text in texts if (record := parse_record(text)) is not None]
    if not records:
        return (DmarcFinding(DmarcAdvice.NO_RECORD, f"{domain} publishes no DMARC record: anyone may write in its name."),)
    if len(records) > 1:
        text = f"{domain} publishes {len(records)} DMARC records; receivers then discard all of them."
        return (DmarcFinding(DmarcAdvice.SEVERAL_RECORDS, text),)
    record = records[0]
    return (*map(_about_tag, record.defects), *_about_record(domain, record), *_about_reject(record, signs, people))


def _about_tag(defect: TagDefect) -> DmarcFinding:
    code, text = _TAG_ADVICE[defect.defect]
    return DmarcFinding(code, text.format(tag=defect.tag), defect.tag)


def _about_record(domain: str, record: DmarcRecord) -> list[DmarcFinding]:
    found = []
    if not record.applies:
        text = f"The record of {domain} has no usable policy and no address for reports: receivers ignore it."
        found.append(DmarcFinding(DmarcAdvice.WITHOUT_EFFECT, text))
    if not record.rua:
        found.append(DmarcFinding(DmarcAdvice.NO_REPORTS, "Without `rua=` nobody tells you what fails.", "rua"))
    if record.testing:
        text = "`t=y`: receivers apply the policy one step weaker. Take it out when the tests are done."
        found.append(DmarcFinding(DmarcAdvice.TESTING, text, "t"))
    return found


def _about_reject(record: DmarcRecord, signs: bool, people: bool) -> list[DmarcFinding]:
    if Policy.REJECT not in (record.p, record.sp, record.np):
        return []
    found = []
    if not signs:
        # RFC 9989 §7.4: domains with p=reject MUST NOT rely on SPF alone.
        text = "`p=reject` needs aligned DKIM signatures: SPF alone breaks wherever mail is forwarded."
        found.append(DmarcFinding(DmarcAdvice.SPF_ALONE, text, "p"))
    if people and record.p is Policy.REJECT:
        # RFC 9989 §7.4: domains whose users may post to mailing lists SHOULD NOT publish p=reject.
        text = "`p=reject` breaks mailing lists for people who write from this domain; `p=quarantine` does so less."
        found.append(DmarcFinding(DmarcAdvice.REJECT_FOR_PEOPLE, text, "p"))
    return found
