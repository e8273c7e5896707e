"""The forms that the three fields of an ARC set may take, and those that they may not: each chain is made by hand."""

from __future__ import annotations

from typing import Any

import pytest
from arc_reference import forge_set
from dkim_reference import ED, MESSAGE, NOW, RSA

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth.arc import ArcVerdict, verify
from mailwright.mailauth.dkim import dns_record, generate_rsa

SMALL, LARGE = generate_rsa("example.com", "r1024", 1024), generate_rsa("example.com", "r4096", 4096)
OTHER = generate_rsa("other.test", "o1")
KEYS = (RSA, ED, SMALL, LARGE, OTHER)
ZONE = Zone({(key.name, "TXT"): (dns_record(key),) for key in KEYS})


def check(message: bytes, now: int = NOW) -> ArcVerdict:
    return answer(verify(parse_header(message), message, now=now), ZONE)


PASSING: dict[str, dict[str, Any]] = {
    "as it should be": {},
    "spaces around semicolons": {"between": " ; "},
    "no space at all": {"between": ";"},
    "folded at every tag": {"between": ";\r\n\t"},
    "a final semicolon": {"end": ";"},
    "a final semicolon and spaces": {"end": " ; "},
    "unknown tags in the signature": {"signature": {"zz": "1", "y_2": ""}},
    "unknown tags in the seal": {"seal": {"zz": "1", "c": "simple/simple", "bh": "x", "l": "y"}},
    "v= in the signature": {"signature": {"v": "1"}},
    "no t=": {"signature": {"t": None}, "seal": {"t": None}},
    "t= of the future": {"signature": {"t": str(NOW + 900)}, "seal": {"t": str(NOW + 900)}},
    "x= that has not come": {"signature": {"x": str(NOW + 900)}},
    "two digits": {"signature": {"i": "01"}, "seal": {"i": "01"}, "results": "i=01; mx.test; none"},
    "spaces around the instance": {"signature": {"i": " 1 "}, "seal": {"i": "\r\n 1"}, "results": " i = 1 ; mx.test; none"},
    "comments around the instance": {"results": "(a) i (b) = (c) 1 (d) ; mx.test; none"},
    "results without space": {"results": "i=1;mx.test;none"},
    "results that say nothing readable": {"results": "i=1; ;;;=((\"'"},
    "results of a quoted name": {"results": 'i=1; "mx.test"; spf=pass smtp.mailfrom="a b"@c.test'},
    "simple header": {"signature": {"c": "simple/relaxed"}},
    "simple body": {"signature": {"c": "relaxed/simple"}},
    "simple both": {"signature": {"c": "simple/simple"}},
    "header form alone": {"signature": {"c": "relaxed"}},
    "no h= to speak of": {"signature": {"h": ""}},
    "names in capitals": {"signature": {"h": "FROM:Subject:To"}},
    "names with space": {"signature": {"h": "from : subject\r\n :to"}},
    "names that are not there": {"signature": {"h": "from:x-none:subject:from:from"}},
    "results signed with the message": {"signature": {"h": "from:arc-authentication-results"}},
    "q= as it is": {"signature": {"q": "dns/txt"}},
    "Ed25519": {"key": ED},
    "RSA of 1024 bits": {"key": SMALL},
    "RSA of 4096 bits": {"key": LARGE},
    "selector in capitals": {"signature": {"s": "R1"}, "seal": {"d": "EXAMPLE.com"}},
}
FAILING: dict[str, dict[str, Any]] = {
    "a= unknown": {"signature": {"a": "rsa-sha512"}},
    "a= of SHA-1": {"signature": {"a": "rsa-sha1"}},
    "a= in capitals": {"seal": {"a": "RSA-SHA256"}},
    "a= missing": {"seal": {"a": None}},
    "a= empty": {"seal": {"a": ""}},
    "a= of another key": {"seal": {"a": "ed25519-sha256"}},
    "b= missing in the signature": {"signature": {"b": None}},
    "b= empty in the seal": {"seal": {"b": ""}},
    "b= no base64": {"seal": {"b": "!"}},
    "bh= missing": {"signature": {"bh": None}},
    "bh= of another body": {"signature": {"bh": "eA=="}},
    "c= unknown": {"signature": {"c": "relaxed/nowsp"}},
    "c= empty": {"signature": {"c": ""}},
    "cv= empty": {"seal": {"cv": ""}},
    "cv= in capitals": {"seal": {"cv": "None"}},
    "cv= missing": {"seal": {"cv": None}},
    "cv=pass where there was nothing": {"seal": {"cv": "pass"}},
    "cv=fail where there was nothing": {"seal": {"cv": "fail"}},
    "d= missing": {"signature": {"d": None}},
    "d= empty": {"seal": {"d": ""}},
    "d= of one label": {"seal": {"d": "com"}},
    "d= without a key": {"seal": {"d": "gone.test"}},
    "h= missing": {"signature": {"h": None}},
    "h= lists a seal": {"signature": {"h": "from:ARC-Seal"}},
    "h= in the seal": {"seal": {"h": "from"}},
    "i= missing in the signature": {"signature": {"i": None}},
    "i= missing in the seal": {"seal": {"i": None}},
    "i= zero": {"seal": {"i": "0"}},
    "i= of three digits": {"seal": {"i": "001"}},
    "i= negative": {"signature": {"i": "-1"}},
    "i= in words": {"signature": {"i": "one"}},
    "i= of two different sets": {"seal": {"i": "2"}},
    "i= beyond the last": {"seal": {"i": "51"}, "signature": {"i": "51"}, "results": "i=51; mx.test; none"},
    "i= of the results missing": {"results": "mx.test; i=1; none"},
    "i= of the results empty": {"results": "i=; mx.test; none"},
    "i= of the results without its end": {"results": "i=1 mx.test"},
    "i= of the results in capitals": {"results": "I=1; mx.test; none"},
    "s= missing": {"seal": {"s": None}},
    "s= empty": {"signature": {"s": ""}},
    "t= empty": {"seal": {"t": ""}},
    "t= in words": {"signature": {"t": "now"}},
    "x= that has come": {"signature": {"t": "5", "x": "9"}},
    "x= before t=": {"signature": {"x": "5"}},
    "l= beyond the body": {"signature": {"l": "100000"}},
    "q= unknown": {"signature": {"q": "http"}},
    "a tag without its equals sign": {"seal": {"zz": "1; y"}},
    "a tag twice": {"seal": {"zz": "1; zz=1"}},
    "a semicolon too many": {"between": ";; "},
    "tag names in capitals": {"seal": {"d": None, "D": "example.com"}},
}


@pytest.mark.parametrize("name", PASSING)
def test_arc_1_a_set_may_be_written_so(name: str) -> None:
    verdict = check(forge_set(MESSAGE, **PASSING[name]))
    assert ("pass", 1) == (verdict.result, verdict.instance), verdict.reason


@pytest.mark.parametrize("name", FAILING)
def test_arc_1_a_set_may_not_be_written_so(name: str) -> None:
    verdict = check(forge_set(MESSAGE, **FAILING[name]))
    assert "fail" == verdict.result
    assert verdict.reason


def test_arc_1_sets_of_several_domains_and_keys_make_one_chain() -> None:
    message = MESSAGE
    for instance, key in enumerate((RSA, ED, OTHER, SMALL), 1):
        message = forge_set(message, key=key, instance=instance)
    verdict = check(message)
    assert ("pass", ("example.com", "example.com", "other.test", "example.com")) == (verdict.result, verdict.sealers)


def test_arc_1_an_older_signature_may_be_as_broken_as_it_likes() -> None:
    """RFC 8617 §5.2 step 4: only the newest is checked. The seals keep the others from being changed afterwards."""
    for tags in ({"bh": "eA=="}, {"a": "rsa-sha1"}, {"d": None}, {"h": "arc-seal"}):
        assert "pass" == check(forge_set(forge_set(MESSAGE, signature=tags), instance=2)).result


def test_part_of_a_body_that_is_not_signed_is_told() -> None:
    head, _, body = MESSAGE.partition(b"\r\n\r\n")
    assert body.startswith(b"Dear  Bob,\r\n")
    sealed = forge_set(head + b"\r\n\r\nDear  Bob,\r\n", signature={"l": "12", "c": "relaxed/simple"})
    assert ("pass", False) == ((whole := check(sealed)).result, whole.partial)
    assert ("pass", True) == ((added := check(sealed + b"come at five.\r\n")).result, added.partial)
