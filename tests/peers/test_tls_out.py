"""Mail goes out to a real Postfix whose domains ask for more than encryption: MTA-STS, and DANE by DNSSEC.

What is played here is a validating resolver: it says of every answer that it is secure.
"""

from __future__ import annotations

import hashlib
import http.server
import os
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import ours
import programs
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from live.rest import Api, Json, eventually
from room import DNS, PLACE, STRANGER, THEIR_HOSTNAME, THEIRS

from mailwright.mail.questions import Answer, Question, Zone

pytestmark = [pytest.mark.peers("postfix", "openssl"), pytest.mark.slow]

PROMISED = ("promised", "elsewhere", "watched")  # by MTA-STS
NAMED = ("keyed", "anchored", "aliased", "forged", "broken", "both")  # by DANE
DOMAINS = tuple(f"{one}.example" for one in (*PROMISED, *NAMED))
POLICY = "version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"
POLICIES = {
    "mta-sts.promised.example": POLICY.format(mode="enforce", mx=THEIR_HOSTNAME),
    "mta-sts.elsewhere.example": POLICY.format(mode="enforce", mx="mx.elsewhere.example"),
    "mta-sts.watched.example": POLICY.format(mode="testing", mx="mx.elsewhere.example"),
    # RFC 8461 §2: what DANE vouches for is not undone by a policy that leaves the exchanger out.
    "mta-sts.both.example": POLICY.format(mode="enforce", mx="mx.elsewhere.example"),
}
ZEROS = "00" * 32


def zone(key: str, anchor: str) -> str:
    """The records of all the domains; the arguments are digests of Postfix's key and of its authority's."""
    lines = [f"{one}.example MX 10 {THEIR_HOSTNAME if one in PROMISED else f'mx.{one}.example'}" for one in (*PROMISED, *NAMED)]
    lines += [f"mx.{one}.example A {THEIRS}" for one in NAMED if one != "aliased"]
    for host in POLICIES:
        lines += [f"_{host} TXT v=STSv1; id=1", f"{host} A {STRANGER}"]
    lines += ["mx.aliased.example CNAME mx.keyed.example"]
    for one, record in {
        "keyed": f"3 1 1 {key}",
        "anchored": f"2 1 1 {anchor}",
        "aliased": f"3 1 1 {ZEROS}",
        "forged": f"3 1 1 {ZEROS}",
        "broken": "!servfail",
        "both": f"3 1 1 {key}",
    }.items():
        lines.append(f"_25._tcp.mx.{one}.example TLSA {record}")
    return "\n".join(lines)


class _Policies(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = POLICIES.get(self.headers["Host"], "").encode()
        self.send_response(200 if text and self.path == "/.well-known/mta-sts.txt" else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


def serve_policies(authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*POLICIES).configure_cert(context)
    server = http.server.ThreadingHTTPServer((STRANGER, 443), _Policies)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def digest(pem: bytes) -> str:
    key = x509.load_pem_x509_certificate(pem).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


@dataclass(frozen=True, slots=True)
class World:
    """All of the scene."""

    api: Api
    ada: Json

    def sent_to(self, domain: str, **more: Json) -> Json:
        """What became of a message to bob there, in its first attempt."""
        sent = self.api.send(self.ada, f"bob@{domain}.example", subject=domain, **more)
        path = f"/v1/messages/{sent['message_id']}"
        over = lambda one: "transcript" in one["evidence"] and one["outcome"] != "running"  # noqa: E731
        look = lambda: [one for one in self.api.get(f"{path}/timeline")["items"] if over(one)]  # noqa: E731
        (attempt,) = eventually(look, 20, lambda: str(self.api.get(path)["recipients"]))
        self.api.ask("POST", f"{path}/cancel")
        return attempt


@pytest.fixture(scope="module")
def world() -> World:
    authority = trustme.CA()
    issued = authority.issue_cert(THEIR_HOSTNAME, *(f"mx.{one}.example" for one in NAMED if one != "forged"))
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems) + authority.cert_pem.bytes()
    (PLACE / "authority.pem").write_bytes(authority.cert_pem.bytes())
    os.environ["SSL_CERT_FILE"] = str(PLACE / "authority.pem")  # whom the server believes
    us = ours.begin(dns={"nameservers": [f"{DNS}:53"], "validating": True})
    us.dns.add(zone(digest(issued.cert_chain_pems[0].bytes()), digest(authority.cert_pem.bytes())))
    plain: Zone = us.dns.server.zone

    def secure(question: Question) -> Answer:
        return replace(plain(question), authenticated=True)

    us.dns.server.zone = secure
    serve_policies(authority)
    programs.Postfix(domains=DOMAINS, certificate=(issued.private_key_pem.bytes(), chain))
    return World(us.api, us.ada)


@pytest.mark.parametrize("domain", ["promised", "watched", "keyed", "anchored", "aliased", "both"])
def test_mail_arrives_where_the_exchanger_is_who_it_should_be(world: World, domain: str, tell: Callable[[str], None]) -> None:
    attempt = world.sent_to(domain)
    tell(f"{domain}: {attempt['outcome']}, {attempt['evidence']['tls']}")
    assert "delivered" == attempt["outcome"], attempt
    assert attempt["evidence"]["tls"].startswith("TLSv1.3 ")


@pytest.mark.parametrize(
    ("domain", "why"),
    [
        ("elsewhere", "does not list the exchanger"),
        ("forged", "DANE: no TLSA record matches"),
        ("broken", "DNS did not say whether mx.broken.example has TLSA records"),
    ],
)
def test_mail_waits_where_it_is_not(world: World, domain: str, why: str, tell: Callable[[str], None]) -> None:
    attempt = world.sent_to(domain)
    tell(f"{domain}: {attempt['outcome']}, {attempt['evidence']['text']}")
    assert ("deferred", "tls_policy") == (attempt["outcome"], attempt["reason_code"]), attempt
    assert why in attempt["evidence"]["text"]
    assert not [line for line in attempt["evidence"]["transcript"] if "MAIL FROM" in line]


@pytest.mark.parametrize("domain", ["promised", "keyed", "forged"])
def test_what_requires_tls_is_not_given_to_a_server_that_may_hand_it_on_in_the_clear(world: World, domain: str) -> None:
    """Postfix 3.7 knows no REQUIRETLS, whoever it proves to be."""
    attempt = world.sent_to(domain, require_tls=True)
    outcome = "deferred" if domain == "forged" else "bounced"  # it may show another certificate tomorrow
    assert (outcome, "tls_policy") == (attempt["outcome"], attempt["reason_code"]), attempt
    assert not [line for line in attempt["evidence"]["transcript"] if line.startswith("C: MAIL")]


def test_an_author_may_prefer_delivery(world: World) -> None:
    assert "delivered" == world.sent_to("forged", headers={"TLS-Required": "No"})["outcome"]
