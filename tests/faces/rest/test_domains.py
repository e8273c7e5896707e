"""A domain is added, published, looked at, and used: the shapes that users run against already."""

from __future__ import annotations

from typing import Any

import pytest

from mailwright.mail.questions import Zone


async def added(world: Any, **fields: Any) -> dict[str, Any]:
    found = await world.call("POST", "/v1/domains", {"domain": "new.example.org"} | fields)
    assert found.status_code == 201, found.text
    return found.json()


def publish(world: Any, domain: dict[str, Any], **changed: str) -> None:
    """Put the domain's records into DNS; `changed` gives other values by purpose, and an empty one leaves a record out."""
    records: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in domain["dns_records"]:
        value = changed.get(one["purpose"], one["value"])
        if value:
            key = (one["name"], one["type"])
            records[key] = (*records.get(key, ()), value)
    world.ports.resolver.zone = Zone(records)


async def verified(world: Any, domain: dict[str, Any]) -> dict[str, Any]:
    found = await world.call("POST", f"/v1/domains/{domain['id']}/verify")
    assert found.status_code == 200, found.text
    return found.json()


async def test_the_answer_has_what_users_read_already(world):
    told = await added(world, dkim_key_type="rsa2048", dmarc_policy="quarantine", dmarc_rua="dmarc@example.org")
    assert {"id", "domain", "dkim_selector", "dns_records"} <= set(told)
    assert {"type", "name", "value"} <= set(told["dns_records"][0])
    dmarc = [one["value"] for one in told["dns_records"] if one["purpose"] == "dmarc"]
    assert ["v=DMARC1; p=quarantine; rua=mailto:dmarc@example.org"] == dmarc
    assert f"{told['dkim_selector']}._domainkey.new.example.org" in [one["name"] for one in told["dns_records"]]


async def test_the_name_may_be_called_name_too_and_is_given_once(world):
    found = await world.call("POST", "/v1/domains", {"name": "Other.Example.ORG."})
    assert (201, "other.example.org") == (found.status_code, found.json()["domain"])
    for body in ({}, {"domain": "a.example", "name": "a.example"}, {"domain": "localhost"}, {"domain": "a b.example"}):
        found = await world.call("POST", "/v1/domains", body)
        assert (422, "domain") == (found.status_code, found.json()["error"]["details"][0]["path"])


async def test_private_keys_and_passwords_are_never_told(world):
    relay = {"host": "relay.example.org", "username": "us", "password": "hunter2"}
    told = await added(world, smarthost=relay)
    for found in (
        await world.call("GET", f"/v1/domains/{told['id']}"),
        await world.call("GET", "/v1/domains"),
        await world.call("GET", f"/v1/domains/{told['id']}/zone-file"),
    ):
        assert "PRIVATE" not in found.text
        assert "hunter2" not in found.text
    assert {"host": "relay.example.org", "port": 587, "username": "us", "tls": "starttls"} == told["smarthost"]


async def test_a_smarthost_is_changed_and_taken_away_and_the_rest_stays(world):
    told = await added(world, smarthost={"host": "relay.example.org", "username": "us", "password": "hunter2"})
    path = f"/v1/domains/{told['id']}"
    other = {"host": "other.example.org", "port": 465, "tls": "implicit", "username": "we", "password": "hunter3"}
    found = await world.call("PATCH", path, {"smarthost": other})
    assert "hunter3" not in found.text
    assert {"host": "other.example.org", "port": 465, "username": "we", "tls": "implicit"} == found.json()["smarthost"]
    found = await world.call("PATCH", path, {"dmarc_policy": "reject", "dmarc_rua": None})
    (dmarc,) = [one["value"] for one in found.json()["dns_records"] if one["purpose"] == "dmarc"]
    assert ("v=DMARC1; p=reject", "other.example.org") == (dmarc, found.json()["smarthost"]["host"])
    assert None is (await world.call("PATCH", path, {"smarthost": None})).json()["smarthost"]
    assert found.json() | {"smarthost": None} == (await world.call("GET", path)).json()
    for body in ({"dmarc_policy": None}, {"domain": "x.example"}, {"dmarc_rua": "nobody"}, {"smarthost": {}}):
        assert 422 == (await world.call("PATCH", path, body)).status_code
    assert 403 == (await world.call("PATCH", path, {"smarthost": None}, key="agent")).status_code
    assert 404 == (await world.call("PATCH", f"/v1/domains/{world.theirs.domain.id}", {"smarthost": None})).status_code


async def test_a_domain_whose_records_are_in_place_is_aligned(world):
    domain = await added(world)
    publish(world, domain)
    told = await verified(world, domain)
    assert ("aligned", dict.fromkeys(("spf", "dkim", "dmarc", "alignment"), "valid")) == (told["status"], told["checks"])
    assert {"valid"} == {one["status"] for one in told["records"]}
    seen = (await world.call("GET", f"/v1/domains/{domain['id']}")).json()
    assert ("aligned", told["records"], "2026-05-28T20:26:40.000Z") == (
        seen["status"],
        seen["record_checks"],
        seen["verified_at"],
    )


@pytest.mark.parametrize(
    ("changed", "status", "checks"),
    [
        ({"spf": ""}, "pending", {"spf": "missing", "dkim": "valid", "alignment": "valid"}),
        ({"spf": "v=spf1 -all"}, "misaligned", {"spf": "invalid", "dkim": "valid"}),
        ({"dkim": "v=DKIM1; k=rsa; p=AAAA"}, "misaligned", {"dkim": "invalid", "alignment": "invalid"}),
        ({"dmarc": ""}, "pending", {"dmarc": "missing"}),
        ({"return_path_spf": ""}, "pending", {"spf": "valid", "alignment": "missing"}),
    ],
)
async def test_what_is_wrong_is_said_with_what_was_expected_and_what_is_there(world, changed, status, checks):
    domain = await added(world)
    publish(world, domain, **changed)
    told = await verified(world, domain)
    assert status == told["status"]
    assert checks == {name: told["checks"][name] for name in checks}
    wrong = [one for one in told["records"] if one["status"] != "valid"]
    assert set(changed) == {one["purpose"] for one in wrong}
    assert all(one["why"] and one["expected"] for one in wrong)
    assert all(one["observed"] for one in wrong if one["status"] == "invalid")


async def test_mail_leaves_only_once_the_domain_is_aligned(world):
    domain = await added(world)
    box = (await world.call("POST", "/v1/mailboxes", {"address": "x@new.example.org", "oversight_mode": "autonomous"})).json()
    path, body = f"/v1/mailboxes/{box['id']}/send", {"to": "bob@there.example", "text": "x"}
    found = await world.call("POST", path, body)
    assert (403, "domain_not_aligned") == (found.status_code, found.json()["error"]["code"])
    publish(world, domain)
    await verified(world, domain)
    assert 202 == (await world.call("POST", path, body)).status_code


async def test_the_records_can_be_had_as_a_zone_file(world):
    domain = await added(world)
    found = await world.call("GET", f"/v1/domains/{domain['id']}/zone-file")
    assert ("text/dns", 'attachment; filename="new.example.org.zone"') == (
        found.headers["content-type"],
        found.headers["content-disposition"],
    )
    assert [] == [one["name"] for one in domain["dns_records"] if f"{one['name']}. IN {one['type']} " not in found.text]


async def test_a_domain_is_somebodys_alone_and_goes_when_nobody_lives_there(world):
    found = await world.call("POST", "/v1/domains", {"domain": world.theirs.domain.name})
    assert (201, None) == (found.status_code, found.json()["owned_at"])  # and takes nothing from its owner
    path = f"/v1/domains/{world.ours.domain.id}"
    found = await world.call("DELETE", path)
    assert (409, "in_use") == (found.status_code, found.json()["error"]["code"])
    assert 204 == (await world.call("DELETE", f"/v1/mailboxes/{world.ours.mailbox.id}")).status_code
    gone = await world.call("DELETE", path)
    assert (204, b"") == (gone.status_code, gone.content)
    assert "content-length" not in gone.headers


async def test_the_promise_of_a_domain_is_served_by_its_host_and_needs_no_key(world):
    path = "/.well-known/mta-sts.txt"
    served = await world.http.get(path, headers={"Host": "mta-sts.ours.example.com"})
    assert (200, "text/plain") == (served.status_code, served.headers["content-type"])
    assert served.text.startswith("version: STSv1\r\nmode: testing\r\nmx: ")
    assert 404 == (await world.http.get(path, headers={"Host": "mta-sts.elsewhere.example"})).status_code
