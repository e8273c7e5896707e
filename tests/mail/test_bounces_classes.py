"""Of which class is a reply that condemns nobody? What to do next depends on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mailwright.mail import mime
from mailwright.mail.bounces import explain, read

REPLIES = {
    "quota": [
        "552 5.2.2 Over quota",
        "550 the user has exceeded his storage allocation",
        "552 Requested mail action aborted: exceeded storage allocation",
        "550 Postfach ist voll",
        "受信者のメールボックスが容量を超えています",
    ],
    "rate": [
        "421 Too many concurrent SMTP connections",
        "550 Too many bad recipients",
        "452 4.5.3 Too many recipients",
        "550 You have exceeded the max emails per hour",
    ],
    "content": [
        "554 Spam detected",
        "550 5.7.1 Virus found: Eicar",
        "552 5.3.4 Message size exceeds fixed limit",
        "554 rejected: MCSpamSignature.x",
        "550 5.2.0 Mail rejete. Mail rejected. ofr_506 [506]",
    ],
    "reputation": [
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "550 Rejected because 192.0.2.1 is in a black list",
    ],
    "auth": [
        "450 4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]",
        "450 4.7.1 Access denied. IP name lookup failed [192.0.2.1]",
        "550 5.1.8 <ada@agents.example>: Sender address rejected: Domain not found",
        "550 5.1.0 <ada@agents.example>: Sender address rejected: User unknown in virtual mailbox table",
        "550 5.7.23 SPF validation failed",
        "535 user unknown or bad password",
    ],
    "policy": [
        "554 5.7.1 <bob@there.example>: Relay access denied",
        "550 5.4.1 All recipient addresses rejected : Access denied",
        "550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized",
    ],
    "soft": [
        "525 5.7.13 Disabled recipient address",
        "550 Mailbox is frozen",
        "550 Boite du destinataire archivee. Archived recipient OFR005_420 [420]",
        "Could not deliver for the last 432000 seconds. Giving up",
        "Unable to deliver message after multiple retries, giving up",
        "450 4.1.1 Recipient address rejected: unverified address: Address verification in progress",
        "Host not found, try again",
        "Connection timed out",
    ],
}


@pytest.mark.parametrize(("expected", "text"), [(one, text) for one, texts in REPLIES.items() for text in texts])
def test_a_reply_that_condemns_nobody_is_of_its_class(expected: str, text: str) -> None:
    assert expected == explain(text).bounce_class.value


# What the reasons of that collection come to in our classes; where two fit, both do.
CLASSES = {
    "quota": "mailboxfull systemfull",
    "content": "spamdetected virusdetected contenterror mesgtoobig exceedlimit policyviolation securityerror"
    " notcompliantrfc filtered",
    "reputation": "blocked badreputation requireptr rejected",
    "auth": "authfailure requireptr securityerror rejected norelaying",
    "rate": "speeding toomanyconn exceedlimit badreputation rejected undefined",
    "policy": "policyviolation securityerror blocked rejected norelaying notcompliantrfc suspend filtered syntaxerror"
    " systemerror mailererror onhold undefined exceedlimit",
    "soft": "expired networkerror systemerror systemfull mailererror suspend filtered syntaxerror onhold notaccept undefined",
    "hard": "userunknown hostunknown hasmoved notaccept",
    "not_a_bounce": "delivered",
}


def test_sisimais_reasons_agree_with_our_classes(shared: Path, tell: Callable[[str], None]) -> None:
    folder = shared / "corpora/bounces/sisimai"
    agreeing = total = 0
    for name, cases in json.loads((folder / "expected.json").read_text()).items():
        found = read(mime.parse((folder / "eml" / name).read_bytes().lstrip(b"\r\n"))).recipients
        total += len(cases)
        agreeing += sum(
            case["reason"] in CLASSES[one.explanation.bounce_class.value].split()
            for one, case in zip(found, cases, strict=False)
        )
    tell(f"bounces/sisimai: {agreeing}/{total} recipients of a class that fits the reason")
    assert agreeing >= 0.94 * total
