"""Policies of MTA-STS over real HTTPS: what is fetched, what is kept, and what nobody can take back."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from test_poster import Endpoint, Serve, Table, serve

from mailwright.core.ports import TlsFault
from mailwright.mail.questions import Zone
from mailwright.mailauth.mta_sts import Mode, Policy
from mailwright.net.guard import LOOPBACK
from mailwright.net.mta_sts import AGAIN, FILE, Policies
from mailwright.net.poster import Poster, PosterOptions

__all__ = ["serve"]  # a fixture

POLICY = "version: STSv1\nmode: enforce\nmx: mx.there.example\nmax_age: 604800\n"
FOUND = Policy(Mode.ENFORCE, ("mx.there.example",), 604_800)
ZONE = '_mta-sts.there.example TXT "v=STSv1; id={id}"\nmta-sts.there.example A 127.0.0.1'


def reply(body: str = POLICY, status: str = "200 OK", kind: str = "text/plain; charset=utf-8") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


class Net:
    """A domain with its policy host, and us."""

    def __init__(self, endpoint: Endpoint, folder: Path, ca_file: str) -> None:
        self.endpoint, self.folder, self.ca_file = endpoint, folder, ca_file
        self.now = 1_000_000.0
        self.table = Table("")
        self.publish("1")
        self.policies = self.restart()

    def publish(self, id: str | None) -> None:
        self.table.zone = Zone.parse(ZONE.format(id=id) if id else "")

    def restart(self) -> Policies:
        options = PosterOptions(ports=None, allow=LOOPBACK, ca_file=self.ca_file, timeout=2)
        poster: Any = Poster(self.table, options)  # type: ignore[arg-type]
        self.policies = Policies(self.table, poster, self.folder, lambda: self.now, self.endpoint.port)  # type: ignore[arg-type]
        return self.policies

    async def of(self) -> tuple[Policy | None, TlsFault | None]:
        return await self.policies.of("there.example")


@pytest.fixture
async def net(serve: Serve, tmp_path: Path) -> Net:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mta-sts.there.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return Net(await serve(reply(), context), tmp_path, str(tmp_path / "ca.pem"))


async def test_a_policy_is_fetched_once_and_used_again(net: Net) -> None:
    assert [(FOUND, None)] * 3 == [*await asyncio.gather(net.of(), net.of()), await net.of()]
    assert 1 == len(net.endpoint.requests)
    assert b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.there.example" in net.endpoint.requests[0]


async def test_without_a_record_nothing_is_fetched(net: Net) -> None:
    net.publish(None)
    assert ((None, None), []) == (await net.of(), net.endpoint.requests)


async def test_a_promise_outlives_a_restart_the_record_and_the_policy_host(net: Net) -> None:
    await net.of()
    await net.policies.save()
    net.restart()
    net.publish(None)
    assert (FOUND, None) == await net.of()
    net.publish("2")
    net.endpoint.reply = reply("gone", "404 Not Found")
    assert (FOUND, None) == await net.of()
    net.now += 604_800
    assert (await net.of())[0] is None


async def test_dns_that_does_not_answer_is_told_where_no_promise_holds(net: Net) -> None:
    net.table.zone = Zone.parse("_mta-sts.there.example TXT !servfail")
    fault = TlsFault("sts-policy-fetch-error", "DNS did not say whether there.example has an MTA-STS policy")
    assert ((None, fault), []) == (await net.of(), net.endpoint.requests)
    net.publish("1")
    await net.of()
    net.table.zone = Zone.parse("_mta-sts.there.example TXT !timeout")
    assert (FOUND, None) == await net.of()


async def test_another_id_brings_another_policy(net: Net) -> None:
    await net.of()
    net.publish("2")
    net.endpoint.reply = reply(POLICY.replace("enforce", "none"))
    policy, _ = await net.of()
    assert policy is not None
    assert Mode.NONE is policy.mode


@pytest.mark.parametrize(
    ("answer", "type"),
    [
        (reply(status="301 Moved\r\nLocation: https://elsewhere.example/"), "sts-policy-fetch-error"),
        (reply(status="500 No"), "sts-policy-fetch-error"),
        (reply(kind="text/html"), "sts-policy-invalid"),
        (reply("version: STSv1\n"), "sts-policy-invalid"),
        (reply(POLICY + "x: y\n" * 20_000), "sts-policy-invalid"),
        (b"nonsense\r\n\r\n", "sts-policy-fetch-error"),
    ],
)
async def test_s16_what_is_no_policy_is_told_and_not_fetched_again_for_a_while(net: Net, answer: bytes, type: str) -> None:
    net.endpoint.reply = answer
    for _ in range(2):
        policy, fault = await net.of()
        assert (None, type) == (policy, fault.type if fault else None)
    assert 1 == len(net.endpoint.requests)
    net.now += AGAIN
    net.endpoint.reply = reply()
    assert (FOUND, None) == await net.of()


async def test_s16_the_policy_host_must_prove_who_it_is(net: Net) -> None:
    net.ca_file = None  # type: ignore[assignment]
    net.restart()
    policy, fault = await net.of()
    assert (None, "sts-webpki-invalid") == (policy, fault.type if fault else None)


async def test_a_spoiled_file_is_as_none(net: Net) -> None:
    (net.folder / FILE).write_bytes(b"{")
    net.restart()
    assert (FOUND, None) == await net.of()
