"""Agent-Identity over REST: the public key without credentials, and a verdict on any message."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailwright.core.identity import signing_key
from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone
from mailwright.mailauth import provenance

RAW = (
    b"From: Ada <ada@ours.example.com>\r\nTo: bob@there.example\r\nSubject: Tea\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@ours.example.com>\r\n\r\nAt four?\r\n"
)


def signed(world: Any, **stated: Any) -> bytes:
    key = signing_key(world.ours.domain)
    who = provenance.Statement(agent_id="ada", oversight="autonomous", rcpt="bob@there.example", **stated)
    now = world.clock.now() // 1000
    name = f"{key.selector}._agentid.ours.example.com"
    world.ports.resolver.zone = Zone({(name, "TXT"): (provenance.dns_record(key),)})
    return provenance.sign(parse_header(RAW), RAW, who, key, now=now, nonce=bytes(12)) + RAW


async def pubkey(world: Any, agent: str, query: str = "") -> Any:
    return await world.call("GET", f"/v1/identity/pubkey/{agent}{query}", key="")


async def test_the_recipe_of_the_first_version_verifies_our_mail(world):
    """standards.md §6.1, as users run it."""
    value = parse_header(signed(world)).value("agent-identity")
    parts = dict(p.strip().split("=", 1) for p in value.split(";"))
    found = await pubkey(world, parts["agent_id"])
    key = load_der_public_key(base64.b64decode(found.json()["public_key_der"]))
    key.verify(base64.b64decode(parts["sig"]), f"{parts['agent_id']}:{parts['oversight']}".encode())


async def test_the_key_is_told_by_name_or_id_and_for_one_domain(world):
    eldest = (await pubkey(world, "ada")).json()
    assert ("ada", "ours.example.com", "ed25519") == (eldest["agent_id"], eldest["domain"], eldest["algorithm"])
    assert [eldest["public_key_der"]] == [one["public_key_der"] for one in eldest["keys"]]
    theirs = (await pubkey(world, "ada", "?domain=theirs.example.com")).json()
    assert "theirs.example.com" == theirs["domain"]
    assert theirs == (await pubkey(world, world.theirs.mailbox.agent_id)).json()
    assert theirs["public_key_der"] != eldest["public_key_der"]
    assert f"{theirs['selector']}._agentid.theirs.example.com" == theirs["dns_name"]


@pytest.mark.parametrize(("agent", "status"), [("nobody", 404), ("ada?domain=elsewhere.example", 404), ("a%20b", 422)])
async def test_of_others_there_is_none(world, agent, status):
    assert status == (await pubkey(world, agent)).status_code


async def test_a_message_is_verified_however_it_is_handed_in(world):
    raw = signed(world)
    whole = {"message": base64.b64encode(raw).decode(), "recipient": "bob@there.example"}
    answers = [
        await world.call("POST", "/v1/identity/verify", whole),
        await world.call("POST", "/v1/identity/verify", {"message": raw.decode()}),
        await world.call("POST", "/v1/identity/verify", {"message": raw.decode().replace("\r\n", "\n")}),
        await world.call("POST", "/v1/identity/verify?recipient=bob@there.example", raw, content_type="message/rfc822"),
        await world.call("POST", "/v1/identity/verify", raw.replace(b"\r\n", b"\n"), content_type="message/rfc822"),
    ]
    assert [(200, "pass")] * 5 == [(one.status_code, one.json()["verdict"]) for one in answers]
    told = answers[0].json()
    assert ("ada", True, "") == (told["tags"]["agent_id"], told["signed"], told["reason"])
    assert "made for this recipient" in told["steps"]


async def test_what_is_wrong_is_told(world):
    raw = signed(world)
    other = {"message": raw.decode(), "recipient": "eve@there.example"}
    assert "pass relayed" == (await world.call("POST", "/v1/identity/verify", other)).json()["verdict"]
    forged = {"message": raw.decode().replace("four", "five")}
    told = (await world.call("POST", "/v1/identity/verify", forged)).json()
    assert ("fail", True) == (told["verdict"], told["signed"])
    assert "none" == (await world.call("POST", "/v1/identity/verify", {"message": RAW.decode()})).json()["verdict"]


@pytest.mark.parametrize("body", [{}, {"message": "no base64!"}, {"message": 1}, {"message": "a: b", "x": 1}])
async def test_what_is_no_message_is_refused(world, body):
    assert 422 == (await world.call("POST", "/v1/identity/verify", body)).status_code


async def test_a_raw_message_names_no_other_field_twice(world):
    found = await world.call("POST", "/v1/identity/verify?message=x", RAW, content_type="message/rfc822")
    assert (422, "message") == (found.status_code, found.json()["error"]["details"][0]["path"])


async def test_only_this_operation_takes_a_raw_message(world):
    assert 400 == (await world.call("POST", "/v1/send_email", RAW, content_type="message/rfc822")).status_code


async def test_a_message_larger_than_any_here_is_refused(world):
    found = await world.call("POST", "/v1/identity/verify", RAW + b"x" * 4_000_000, content_type="message/rfc822")
    assert 413 == found.status_code


async def test_the_answer_to_sending_says_that_the_identity_is_signed(world):
    wanted = {"to": "bob@there.example", "subject": "Tea?", "text": "At four?"}
    found = await world.call("POST", "/v1/send_email", wanted, key="agent")
    assert found.json()["authentication"]["identity_signed"] is True


async def test_the_next_key_waits_to_be_published(world):
    path = f"/v1/domains/{world.ours.domain.id}"
    told = (await world.call("POST", f"{path}/identity/rotate")).json()
    assert ["signing", "next"] == [one["state"] for one in told["identity_keys"]]
    names = [one["name"] for one in told["dns_records"] if one["purpose"] == "identity"]
    assert [f"{one['selector']}._agentid.ours.example.com" for one in told["identity_keys"]] == names
    assert {"identity", "identity_policy"} <= {one["purpose"] for one in told["dns_records"] if not one["required"]}
    assert "PRIVATE" not in (await world.call("GET", path)).text


async def test_s26_whoever_claims_a_domain_speaks_for_none_of_its_agents(world):
    key = world.theirs.keys["operator"]
    assert 201 == (await world.call("POST", "/v1/domains", {"domain": "ours.example.com"}, key=key)).status_code
    body = {"address": "ada@ours.example.com", "agent_id": world.theirs.mailbox.agent_id}
    assert 201 == (await world.call("POST", "/v1/mailboxes", body, key=key)).status_code
    mine = (await pubkey(world, "ada", "?domain=ours.example.com")).json()
    assert signing_key(world.ours.domain).selector == mine["selector"]
    assert 404 == (await pubkey(world, world.theirs.mailbox.agent_id, "?domain=ours.example.com")).status_code
