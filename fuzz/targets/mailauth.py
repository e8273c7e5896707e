"""The parsers of mail authentication."""

from __future__ import annotations

from ipaddress import ip_address

from mailwright.mail.header import Field, parse_header
from mailwright.mail.questions import Answer, Question, RecordType, Status, answer
from mailwright.mail.zone_file import BadZoneFile, parse_zone
from mailwright.mailauth import arc, authres
from mailwright.mailauth.arc.fields import parse_message_signature, parse_seal, read_chain
from mailwright.mailauth.authenticate import authenticate, authentication_results
from mailwright.mailauth.authors import authors_of
from mailwright.mailauth.dane import parse_tlsa
from mailwright.mailauth.dkim import verify
from mailwright.mailauth.dkim.canonical import BodyHash, Canonicalisation, canonical_header
from mailwright.mailauth.dkim.keys import parse_key
from mailwright.mailauth.dkim.signature import parse_signature
from mailwright.mailauth.dkim.tags import parse_tags
from mailwright.mailauth.dmarc import evaluate, parse_record
from mailwright.mailauth.mta_sts import parse_policy
from mailwright.mailauth.mta_sts import parse_record as parse_sts
from mailwright.mailauth.names import to_dns_name
from mailwright.mailauth.provenance import tags as provenance_tags
from mailwright.mailauth.provenance.keys import choose_key, public_der
from mailwright.mailauth.provenance.policy import verify_incoming
from mailwright.mailauth.spf import check_host, lint
from mailwright.mailauth.spf import parse_record as parse_spf
from mailwright.mailauth.spf.macros import MacroSyntaxError, parse_explanation

CLIENT = ip_address("192.0.2.1")
SIGNATURE = (
    b"v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1; t=1; x=9; h=from:to; bh=eA==; b=eA==; i=a=40b@example.com"
)
MESSAGE = b"DKIM-Signature: " + SIGNATURE + b"\r\nFrom: Ada <ada@example.com>\r\n\r\nAt four.\r\n"
SET = (
    b"ARC-Seal: a=rsa-sha256; b=eA==; cv=none; d=example.com; i=1; s=s1; t=1\r\n"
    b"ARC-Message-Signature: a=rsa-sha256; b=eA==; bh=eA==; c=relaxed/relaxed; d=example.com; h=from; i=1; s=s1; t=1\r\n"
    b"ARC-Authentication-Results: i=1; mx.test; dmarc=pass header.from=example.com\r\n"
)
CLAIM = (
    b"Agent-Identity: agent_id=ada; oversight=gated_send; sig=eA==; v=2; a=ed25519-sha256; d=example.com; s=a1; t=1; x=9; n="
    + b"a" * 24 + b"; ch=" + b"A" * 43 + b"; h=from:to; hh=" + b"A" * 43 + b"; bh=" + b"A" * 43 + b"; ph=none; b=eA==\r\n"
)  # fmt: skip
SPF = b"v=spf1 a mx/24//64 ptr:x.test ip4:192.0.2.0/24 ip6::: include:%{d2}.test exists:%{ir}.%{l1r-}.x.test ?all exp=e.test"
DMARC = b"v=DMARC1; p=reject; sp=none; np=quarantine; adkim=s; t=y; psd=n; rua=mailto:a@b.test!10m; fo=1:d"
RESULTS = b'mx.test 1; spf=pass (a (b)) smtp.mailfrom="a b"@x.test; dkim=fail reason="x" header.d=y.test; none'


def text(octets: bytes) -> str:
    """The octets as DNS gives them."""
    return octets.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode("utf-8")


def same_answer(record: str) -> object:
    """DNS in which every name has this text, and every host this number."""

    def lookup(question: Question) -> Answer:
        match question.type:
            case RecordType.TXT:
                return Answer(Status.OK, (record,))
            case RecordType.MX:
                return Answer(Status.OK, (f"10 {record[:60]}", "20 mx.test"))
            case RecordType.A:
                return Answer(Status.OK, (record[:20], "198.51.100.1"))
            case _:
                return Answer(Status.NXDOMAIN)

    return lookup


def _field(name: str, octets: bytes) -> Field:
    return Field(name, name.encode() + b":" + octets + b"\r\n")


def _spf(octets: bytes) -> None:
    record = text(octets)
    parse_spf(record)
    answer(check_host(CLIENT, mail_from="a.b@x.test", helo="h.test"), same_answer(record))  # type: ignore[arg-type]
    answer(lint("x.test", [record]), same_answer(record))  # type: ignore[arg-type]


def _macros(octets: bytes) -> None:
    try:
        parse_explanation(text(octets))
    except MacroSyntaxError:
        pass


def _dmarc(octets: bytes) -> None:
    record = text(octets)
    parse_record(record)
    answer(evaluate(["a.b.test"], [("b.test", "pass")], [("c.b.test", "temperror")]), same_answer(record))  # type: ignore[arg-type]


def _body(octets: bytes) -> None:
    whole, pieces = BodyHash(Canonicalisation.RELAXED), BodyHash(Canonicalisation.RELAXED)
    whole.update(octets)
    for at in range(0, len(octets), 3):
        pieces.update(octets[at : at + 3])
    assert whole.digest() == pieces.digest()


def _dkim(octets: bytes) -> None:
    answer(verify(parse_header(octets), octets, now=5), same_answer("v=DKIM1; p=eA=="))  # type: ignore[arg-type]


def _arc(octets: bytes) -> None:
    header = parse_header(octets)
    read_chain(header)
    answer(arc.verify(header, octets, now=5), same_answer("v=DKIM1; p=eA=="))  # type: ignore[arg-type]


def _identity(octets: bytes) -> None:
    answer(verify_incoming(parse_header(octets), octets, now=5), same_answer("v=AGENTID1; p=eA=="))  # type: ignore[arg-type]


def _whole(octets: bytes) -> None:
    record, _, message = octets.partition(b"\0")
    check = authenticate(message, parse_header(message), ip=CLIENT, helo=text(record[:20]), mail_from=text(record[:60]), now=5)
    found = answer(check, same_answer(text(record)))  # type: ignore[arg-type]
    written = authentication_results(found, "mx.test")
    assert len(parse_header(written).fields) == 1


def _authres(octets: bytes) -> None:
    found = authres.parse(text(octets))
    written = authres.render(found.authserv_id, found.results)
    assert len(parse_header(written + b"\r\n").fields) == 1


def _strip(octets: bytes) -> None:
    kept = authres.without_claims(octets, parse_header(octets), "mx.test")
    assert not authres.strip(parse_header(kept), "mx.test")


def _zone(octets: bytes) -> None:
    try:
        parse_zone(text(octets))
    except BadZoneFile:
        pass


TARGETS = {
    "dkim-tags": (parse_tags, (SIGNATURE,)),
    "dkim-signature": (lambda octets: parse_signature(_field("dkim-signature", octets)), (SIGNATURE,)),
    "dkim-key": (lambda octets: parse_key(text(octets)), (b"v=DKIM1; k=rsa; h=sha256; s=*; t=y:s; p=eA==",)),
    "dkim-header": (lambda octets: canonical_header(octets.split(b"\0"), Canonicalisation.RELAXED), (MESSAGE,)),
    "dkim-body": (_body, (b"a  b \t\r\n\r\n \r\r\n\r\n",)),
    "dkim": (_dkim, (MESSAGE,)),
    "arc-seal": (lambda octets: parse_seal(_field("arc-seal", octets)), (SET.partition(b"\r\n")[0],)),
    "arc-signature": (lambda octets: parse_message_signature(_field("arc-message-signature", octets)), (SIGNATURE,)),
    "arc": (_arc, (SET + MESSAGE,)),
    "spf": (_spf, (SPF,)),
    "spf-macros": (_macros, (b"%{i} is %{c1r-} %% %_ %{d}",)),
    "dmarc": (_dmarc, (DMARC,)),
    "from": (lambda octets: authors_of(parse_header(b"From: " + octets)), (b'"a, b" <c@d.test>, e@f.test (g)',)),
    "authres": (_authres, (RESULTS,)),
    "authres-strip": (_strip, (b"Authentication-Results: " + RESULTS + b"\r\nFrom: a@b.test\r\n\r\n",)),
    "mta-sts": (
        lambda octets: (parse_sts(text(octets)), parse_policy(octets)),
        (b"v=STSv1; id=1;", b"version: STSv1\nmode: enforce\nmx: *.b.test\nmax_age: 9\n"),
    ),
    "tlsa": (lambda octets: parse_tlsa(text(octets)), (b"3 1 1 " + b"ab" * 32,)),
    "names": (lambda octets: to_dns_name(text(octets)), ("bücher.example.".encode(),)),
    "zone-file": (_zone, (b'a.test. 300 IN TXT ( "v=spf1 " "-all" ) ; x\na.test * !timeout\n',)),
    "identity": (_identity, (CLAIM + MESSAGE,)),
    "identity-claim": (provenance_tags.parse, (CLAIM.partition(b":")[2].strip(),)),
    "identity-key": (
        lambda octets: (choose_key(text(octets).split("\n")), public_der(text(octets))),
        (b"v=AGENTID1; k=ed25519; p=" + b"A" * 43 + b"=",),
    ),
    "message": (_whole, (SPF + b"\0" + SET + MESSAGE, DMARC + b"\0" + MESSAGE)),
}
