"""Foreign DKIM messages, read at run time. Where we and they differ, tests/exceptions/dkim.md says why.

Most of the older set was signed with SHA-1 or with 512-bit keys. Those must be refused today, but what they say about
canonical forms still holds: they are checked once more by hand, with the arithmetic of RSA done here.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailwright.mail.header import Field, Header, parse_header
from mailwright.mail.questions import Answer, Question, Status, answer
from mailwright.mailauth.dkim import Verdict, verify
from mailwright.mailauth.dkim.canonical import (
    BodyHash,
    Canonicalisation,
    canonical_header,
    signed_fields,
    without_signature,
)
from mailwright.mailauth.dkim.tags import decode_base64, parse_tags, split_list

pytestmark = pytest.mark.corpora

NOW = 1_730_000_000
EXCEPTIONS = (Path(__file__).parents[1] / "exceptions" / "dkim.md").read_text()
MODERN = {"pass": {"pass"}, "fail": {"fail"}, "invalid": {"permerror", "neutral"}}
DIGEST_INFO = {
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
}


def message_of(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def table(text: str, separator: str) -> dict[str, list[str]]:
    """Lines of a name and a record as a table; the same name may come again."""
    found: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        name, _, record = line.partition(separator)
        if record and not name.startswith("#"):
            found.setdefault(name.strip().lower(), []).append(record.strip().strip('"'))
    return found


def lookup(records: dict[str, list[str]]):  # type: ignore[no-untyped-def]
    def ask(question: Question) -> Answer:
        texts = records.get(question.name, ["NXDOMAIN"])
        if texts[0] in ("NXDOMAIN", "PERMERROR"):
            return Answer(Status.NXDOMAIN)
        if texts[0].startswith("~~") or texts[0] == "TEMPERROR":
            return Answer(Status.TIMEOUT)
        return Answer(Status.OK, tuple(texts))

    return ask


def verdicts(raw: bytes, records: dict[str, list[str]]) -> list[Verdict]:
    return [result.result for result in answer(verify(parse_header(raw), raw, now=NOW), lookup(records))]


def overall(found: list[Verdict]) -> str:
    """One word for a message, as Mail::DKIM puts it: a pass outdoes a failure, which outdoes what can't be read."""
    for verdict in ("pass", "fail"):
        if verdict in found:
            return verdict
    return found[0].value if found else "none"


def excused(name: str) -> bool:
    return f"`{name}`" in EXCEPTIONS


def test_the_older_set_agrees_but_for_what_is_obsolete(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared / "corpora/dkim/mail-dkim-corpus"
    records = table((folder / "FAKE_DNS.dat").read_text(), " ")
    expected = json.loads((folder / "expected.json").read_text())
    wrong, excuses = {}, 0
    for name, case in expected.items():
        found = overall(verdicts(message_of(folder / "corpus" / name), records))
        if found not in MODERN[case["expected"]]:
            if excused(name):
                excuses += 1
            else:
                wrong[name] = (case, found)
    with capsys.disabled():
        print(f"\ndkim: {len(expected) - len(wrong) - excuses}/{len(expected)} (mail-dkim; {excuses} obsolete)")
    assert {} == wrong


def test_the_newer_set_agrees(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared / "corpora/dkim/chasquid"
    states = {"SUCCESS": {"pass"}, "TEMPFAIL": {"temperror"}, "PERMFAIL": {"fail", "permerror", "neutral", "policy"}}
    wrong, excuses, total = {}, 0, 0
    for path in sorted(folder.glob("*.msg")):
        total += 1
        dns, expectation = path.with_suffix(".dns"), path.with_suffix(".result")
        found = verdicts(message_of(path), table(dns.read_text(), ": ") if dns.exists() else {})
        results = json.loads(expectation.read_text())["Results"] if expectation.exists() else []
        agreed = len(found) == len(results) and all(
            verdict in states[result["State"]] for verdict, result in zip(found, results, strict=True)
        )
        if not agreed:
            if excused(path.stem):
                excuses += 1
            else:
                wrong[path.stem] = found
    with capsys.disabled():
        print(f"\ndkim: {total - len(wrong) - excuses}/{total} (chasquid; {excuses} decided otherwise)")
    assert {} == wrong


def holds(header: Header, raw: bytes, field: Field, records: dict[str, list[str]]) -> bool:
    """Whether a signature of any age is right, by our canonical forms and the plain arithmetic of RSA."""
    tags = parse_tags(field.raw.partition(b":")[2]).tags
    hashing = tags["a"].partition("-")[2]
    header_form, _, body_form = tags.get("c", "simple").partition("/")
    body_hash = BodyHash(Canonicalisation(body_form or "simple"), hashing)
    body_hash.update(raw[header.body_start :])
    covered = [found.raw for found in signed_fields(header, split_list(tags["h"].lower()), field)]
    covered.append(without_signature(field.raw))
    signed = hashlib.new(hashing, canonical_header(covered, Canonicalisation(header_form))).digest()
    record = parse_tags(records[f"{tags['s']}._domainkey.{tags['d']}".lower()][0]).tags
    key = load_der_public_key(b64decode(re.sub(r"\s", "", record["p"])))
    assert isinstance(key, RSAPublicKey)
    numbers, octets = key.public_numbers(), (key.key_size + 7) // 8
    opened = pow(int.from_bytes(decode_base64(tags["b"]) or b""), numbers.e, numbers.n).to_bytes(octets)
    return body_hash.digest() == decode_base64(tags["bh"]) and opened.endswith(DIGEST_INFO[hashing] + signed)


def test_old_signatures_confirm_the_canonical_forms(shared: Path) -> None:
    folder = shared / "corpora/dkim/mail-dkim-corpus"
    records = table((folder / "FAKE_DNS.dat").read_text(), " ")
    expected = json.loads((folder / "expected.json").read_text())
    checked = 0
    for name, case in expected.items():
        raw = message_of(folder / "corpus" / name)
        header = parse_header(raw)
        if case["expected"] != "pass" or len(header.all("dkim-signature")) != 1 or name.startswith("good_ietf00"):
            continue
        checked += 1
        assert holds(header, raw, header.all("dkim-signature")[0], records), name
    assert checked > 0
