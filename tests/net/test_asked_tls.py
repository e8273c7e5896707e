"""What domains ask of TLS, kept towards real servers on loopback: MTA-STS (RFC 8461), DANE (RFC 7672);
and what a message asks, REQUIRETLS (RFC 8689)."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from test_courier import OK, Make, Peer, Serve, make, parcel, quiet, serve

from mailwright.core.ports import Deferred, Host, Rejected, Report, Route, TlsFault, TlsPolicy

__all__ = ["make", "quiet", "serve"]  # fixtures

MX = "mx1.there.example"
LINES = ("version: STSv1", "mode: enforce", f"mx: {MX}", "max_age: 86400")
STS = TlsPolicy("sts", "there.example", LINES, (MX,))
TESTING = TlsPolicy("sts", "there.example", LINES, (MX,), enforce=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def context_for(authority: trustme.CA, *names: str, root: bool = False) -> tuple[ssl.SSLContext, bytes]:
    """A server's context and its certificate as DER; with `root` it shows the authority's too."""
    issued = authority.issue_cert(*names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pems = [issued.private_key_pem, *issued.cert_chain_pems, *([authority.cert_pem] if root else [])]
    with trustme.Blob(b"".join(pem.bytes() for pem in pems)).tempfile() as path:
        context.load_cert_chain(path)
    return context, ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


def to(policy: TlsPolicy | None, *peers: Peer) -> Route:
    hosts = tuple(Host(f"mx{n}.there.example", ("127.0.0.1",), peer.port, policy) for n, peer in enumerate(peers, 1))
    return Route("there", hosts)


def key_digest(der: bytes) -> str:
    key = x509.load_der_x509_certificate(der).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def told(report: Report) -> list[str]:
    return [result.fault.type if result.fault else "ok" for result in report.tls_results]


# --- MTA-STS -----------------------------------------------------------------------------------------------------------


async def test_enforced_and_the_certificate_holds(make: Make, serve: Serve, authority: trustme.CA, ca_file: str) -> None:
    peer = await serve(context=context_for(authority, MX)[0])
    report = await make(ca_file=ca_file).deliver(to(STS, peer), parcel())
    assert ((OK,), ["ok"]) == (report.outcomes, told(report))


@pytest.mark.parametrize(
    ("name", "known", "fault"),
    [("other.example", True, "certificate-host-mismatch"), (MX, False, "certificate-not-trusted")],
)
async def test_enforced_and_the_certificate_does_not_hold(
    make: Make, serve: Serve, authority: trustme.CA, ca_file: str, name: str, known: bool, fault: str
) -> None:
    peer = await serve(context=context_for(authority, name)[0])
    report = await make(ca_file=ca_file if known else None).deliver(to(STS, peer), parcel())
    assert isinstance(report.outcomes[0], Deferred)
    assert ("4.7.5", [fault], []) == (report.outcomes[0].enhanced, told(report), peer.messages)
    assert 1 == peer.connections  # no second try without TLS


async def test_enforced_and_tls_is_not_offered(make: Make, serve: Serve, ca_file: str) -> None:
    peer = await serve()
    report = await make(ca_file=ca_file).deliver(to(STS, peer), parcel())
    assert isinstance(report.outcomes[0], Deferred)
    assert ("4.7.10", ["starttls-not-supported"], []) == (report.outcomes[0].enhanced, told(report), peer.messages)


async def test_the_next_exchanger_is_tried(make: Make, serve: Serve, authority: trustme.CA, ca_file: str) -> None:
    bad, good = await serve(), await serve(context=context_for(authority, "mx2.there.example")[0])
    report = await make(ca_file=ca_file).deliver(to(STS, bad, good), parcel())
    assert ((OK,), ["starttls-not-supported", "ok"]) == (report.outcomes, told(report))
    assert ([], 1) == (bad.messages, len(good.messages))


async def test_an_exchanger_that_the_policy_does_not_list_is_not_even_connected_to(make: Make, serve: Serve) -> None:
    peer = await serve()
    unlisted = TlsPolicy("sts", "there.example", LINES, fault=TlsFault("validation-failure", "mx1 is not listed"))
    report = await make().deliver(to(unlisted, peer), parcel())
    assert Deferred(None, "4.7.5", "mx1 is not listed") == report.outcomes[0]
    assert (0, ["validation-failure"]) == (peer.connections, told(report))
    assert "* mx1 is not listed" in report.transcript


async def test_in_testing_the_domain_gets_its_mail_and_is_told(make: Make, serve: Serve, authority: trustme.CA) -> None:
    peer = await serve(context=context_for(authority, "other.example")[0])
    report = await make().deliver(to(TESTING, peer), parcel())
    assert ((OK,), ["certificate-not-trusted"]) == (report.outcomes, told(report))
    assert report.tls is not None


async def test_a_connection_that_proved_nothing_is_not_kept_for_a_domain_that_asks_for_proof(
    make: Make, serve: Serve, authority: trustme.CA
) -> None:
    peer = await serve(context=context_for(authority, MX)[0])
    courier = make()
    assert (OK,) == (await courier.deliver(to(None, peer), parcel())).outcomes
    assert isinstance((await courier.deliver(to(STS, peer), parcel())).outcomes[0], Deferred)


async def test_without_a_policy_it_is_told_whether_tls_was_offered(make: Make, serve: Serve, authority: trustme.CA) -> None:
    plain, encrypted = await serve(), await serve(context=context_for(authority, MX)[0])
    assert ["starttls-not-supported"] == told(await make().deliver(to(None, plain), parcel()))
    assert ["ok"] == told(await make().deliver(to(None, encrypted), parcel()))


# --- DANE --------------------------------------------------------------------------------------------------------------


def tlsa(*records: str) -> TlsPolicy:
    return TlsPolicy("tlsa", MX, records, names=(MX, "there.example"))


async def test_dane_ee_vouches_for_a_certificate_whatever_its_name_and_whoever_signed_it(
    make: Make, serve: Serve, authority: trustme.CA
) -> None:
    context, der = context_for(authority, "other.example")
    peer = await serve(context=context)
    report = await make().deliver(to(tlsa("3 1 1 " + "00" * 32, "3 1 1 " + key_digest(der)), peer), parcel())
    assert ((OK,), ["ok"]) == (report.outcomes, told(report))


async def test_dane_ee_of_another_certificate_defers(make: Make, serve: Serve, authority: trustme.CA, ca_file: str) -> None:
    peer = await serve(context=context_for(authority, MX)[0])
    report = await make(ca_file=ca_file).deliver(to(tlsa("3 1 1 " + "00" * 32), peer), parcel())
    assert isinstance(report.outcomes[0], Deferred)
    assert ("4.7.5", ["validation-failure"], []) == (report.outcomes[0].enhanced, told(report), peer.messages)
    assert ["EHLO", "STARTTLS"] == peer.verbs  # nothing is said to who did not prove who it is


@pytest.mark.parametrize(("name", "expected"), [(MX, "ok"), ("there.example", "ok"), ("x.example", "validation-failure")])
async def test_dane_ta_vouches_for_what_it_signed_under_the_name_of_the_host_or_the_domain(
    make: Make, serve: Serve, authority: trustme.CA, name: str, expected: str
) -> None:
    root = ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())
    peer = await serve(context=context_for(authority, name, root=True)[0])
    report = await make().deliver(to(tlsa("2 1 1 " + key_digest(root)), peer), parcel())
    assert [expected] == told(report)


async def test_where_no_record_is_usable_tls_is_a_must_with_whoever_answers(
    make: Make, serve: Serve, authority: trustme.CA
) -> None:
    policy = tlsa("1 1 1 " + "00" * 32)
    plain, encrypted = await serve(), await serve(context=context_for(authority, "x.example")[0])
    assert ["starttls-not-supported"] == told(await make().deliver(to(policy, plain), parcel()))
    assert (OK,) == (await make().deliver(to(policy, encrypted), parcel())).outcomes
    assert [] == plain.messages


async def test_a_courier_on_another_loop_shows_the_chain_as_well(
    make: Make, serve: Serve, authority: trustme.CA, tmp_path: Path
) -> None:
    from mailwright.net.tls import shown_chain

    _, der = context_for(authority, MX)
    server, client = context_for(authority, MX, root=True)[0], ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=MX)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert 2 == len(shown_chain(ours))
    assert ours.getpeercert(binary_form=True) == shown_chain(ours)[0]
    assert der != shown_chain(ours)[0]


# --- REQUIRETLS --------------------------------------------------------------------------------------------------------

MARKED = replace(parcel(), require_tls=True)


async def test_what_requires_tls_is_marked_for_a_server_that_hands_it_on_so(
    make: Make, serve: Serve, authority: trustme.CA, ca_file: str
) -> None:
    peer = await serve(context=context_for(authority, MX)[0], features=("REQUIRETLS",))
    courier = make(ca_file=ca_file)
    for _ in range(2):  # the second over the connection that was kept
        report = await courier.deliver(to(STS, peer), MARKED)
        assert ((OK,), 1) == (report.outcomes, peer.connections)
        assert "C: MAIL FROM:<a@us.example> REQUIRETLS" in report.transcript


async def test_what_requires_tls_goes_to_the_next_exchanger_or_back(
    make: Make, serve: Serve, authority: trustme.CA, ca_file: str
) -> None:
    deaf = await serve(context=context_for(authority, MX)[0])
    able = await serve(context=context_for(authority, "mx2.there.example")[0], features=("REQUIRETLS",))
    courier = make(ca_file=ca_file)
    assert (OK,) == (await courier.deliver(to(STS, deaf, able), MARKED)).outcomes
    assert (OK,) == (await courier.deliver(to(STS, deaf), parcel())).outcomes
    refused = (await courier.deliver(to(STS, deaf), MARKED)).outcomes[0]  # nor over what was kept for others
    assert isinstance(refused, Rejected)
    assert ("5.7.30", 1, 1) == (refused.enhanced, len(deaf.messages), len(able.messages))


async def test_what_requires_tls_is_not_said_in_the_clear_whatever_is_offered_there(make: Make, serve: Serve) -> None:
    relay = await serve(features=("REQUIRETLS",))
    (refused,) = (await make().deliver(replace(to(None, relay), tls="none"), MARKED)).outcomes
    assert isinstance(refused, Rejected)
    assert ("5.7.30", []) == (refused.enhanced, relay.messages)
