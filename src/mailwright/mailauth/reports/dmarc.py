"""DMARC aggregate reports: who sent mail in our name, and how did it fare?

Standards: RFC 9990 §3.1, RFC 7489 appendix C and the drafts before it (no version, no envelope, upper case).
Not here: which attachment of a message it is (message.py), what to do about it.
"""

from __future__ import annotations

from mailwright.mailauth.reports.model import (
    DkimResult,
    DmarcRecord,
    DmarcReport,
    PublishedPolicy,
    SpfResult,
    Unreadable,
    Unusable,
)
from mailwright.mailauth.reports.unpacking import unpacked
from mailwright.mailauth.reports.xml import MAX_MENDED, Element, in_utf8, mended, read_xml

_ELEMENTS = """
version report_metadata org_name email extra_contact_info report_id date_range begin end error generator
policy_published domain adkim aspf p sp np pct fo testing discovery_method record row source_ip count
policy_evaluated disposition dkim spf reason type comment identifiers identities header_from envelope_from
envelope_to auth_results selector result human_result scope
"""
_KNOWN = frozenset(_ELEMENTS.split())


def parse_dmarc_report(octets: bytes) -> DmarcReport | Unreadable:
    """The report in a file: XML, plain or in a gzip or zip. Never raises."""
    document = unpacked(octets)
    if isinstance(document, Unreadable):
        return document
    if b"<" not in document[:65536].replace(b"\0", b""):
        return Unreadable(Unusable.NOT_XML, "no markup")
    document, foreign = in_utf8(document)
    defects = ["not-utf-8"] if foreign else []
    found = _read(document, defects)
    if isinstance(found, Unreadable) and found.reason is Unusable.NOT_XML and len(document) <= MAX_MENDED:
        found = _read(mended(document), [*defects, "not-well-formed"])
    return found


def _read(document: bytes, defects: list[str]) -> DmarcReport | Unreadable:
    records: list[DmarcRecord] = []
    root = read_xml(document, "feedback", _KNOWN, {"record": lambda element: records.append(_record(element))})
    if isinstance(root, Unreadable):
        return root
    about, policy = root.first("report_metadata"), _policy(root.first("policy_published"))
    if not policy.domain:
        return Unreadable(Unusable.INCOMPLETE, "it names no policy domain")
    dates = about.first("date_range")
    return DmarcReport(
        org_name=about.value("org_name"),
        email=about.value("email"),
        report_id=about.value("report_id"),
        begin=_number(dates.value("begin")),
        end=_number(dates.value("end")),
        policy=policy,
        records=tuple(records),
        version=root.value("version"),
        extra_contact_info=about.value("extra_contact_info"),
        generator=about.value("generator"),
        errors=tuple(one.text for one in about.all("error") if one.text),
        defects=tuple(defects),
    )


def _policy(found: Element) -> PublishedPolicy:
    return PublishedPolicy(
        domain=found.value("domain").lower().rstrip("."),
        p=found.value("p").lower(),
        sp=found.value("sp").lower(),
        np=found.value("np").lower(),
        adkim=found.value("adkim").lower(),
        aspf=found.value("aspf").lower(),
        fo=found.value("fo"),
        pct=found.value("pct"),
        testing=found.value("testing").lower(),
        discovery_method=found.value("discovery_method").lower(),
    )


def _record(found: Element) -> DmarcRecord:
    row, results = found.first("row"), found.first("auth_results")
    evaluated = row.first("policy_evaluated")
    names = found.first("identifiers") if "identifiers" in found.within else found.first("identities")
    return DmarcRecord(
        source_ip=row.value("source_ip"),
        count=_number(row.value("count")) or 0,
        disposition=evaluated.value("disposition").lower(),
        dkim=evaluated.value("dkim").lower(),
        spf=evaluated.value("spf").lower(),
        header_from=names.value("header_from").lower(),
        envelope_from=names.value("envelope_from").lower(),
        envelope_to=names.value("envelope_to").lower(),
        reasons=tuple((one.value("type").lower(), one.value("comment")) for one in evaluated.all("reason") if one.within),
        dkim_results=tuple(_dkim(one) for one in results.all("dkim")),
        spf_results=tuple(_spf(one) for one in results.all("spf")),
    )


def _dkim(one: Element) -> DkimResult:
    return DkimResult(
        one.value("domain").lower(), one.value("selector"), one.value("result").lower(), one.value("human_result")
    )


def _spf(one: Element) -> SpfResult:
    return SpfResult(
        one.value("domain").lower(), one.value("scope").lower(), one.value("result").lower(), one.value("human_result")
    )


def _number(text: str) -> int | None:
    # Some write a date with a fraction, or a count with a sign; none that is real has more than 15 digits.
    digits = text.partition(".")[0].lstrip("+")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else None
