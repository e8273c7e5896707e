"""Nothing that is sent makes a bug: every field of every operation is given what it does not expect."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mailwright.contract.operations import OPERATIONS, Operation
from mailwright.core import domains

ODD: list[Any] = [
    None, True, -1, 0, 2**63, 2**64, 1e308, "", " ", "\x00", "a\r\nb", "\u202e", "\ud7ff\ue000", "\U0010ffff", "x" * 5000,
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z", [], [[]], [None], ["x"] * 1001, [""], ["\x00"],
    {}, {"": ""}, {"x": None}, {"X-A": "b"}, [{}], [{"filename": "", "content": "!"}], "<a@b>", "a@b", "@", "a@" + "b." * 200,
    "xn--a@xn--a.example", '"\\"@b.example', "\u00e9@\u00e9.example", "att_1", "../..", "%00", "https://", "https://[::1", "https://a:x",
]  # fmt: skip


def requests(operation: Operation[Any, Any]) -> list[dict[str, Any]]:
    """The documented request of an operation, each time with one field replaced by something odd."""
    base = dict(operation.examples[0].request) if operation.examples else {}
    names = [one.encode_name for one in msgspec.structs.fields(operation.input) if one.name not in operation.path_fields]
    # Five operations read the same fields: one of them tries everything.
    odd_ones = ODD[::6] if operation.large and operation.name != "messages.send" else ODD
    return [base | {name: odd} for name in names for odd in odd_ones]


@pytest.mark.slow
async def test_no_field_of_any_operation_makes_a_bug(world, logged, monkeypatch):
    async def no_keys(*_: Any) -> tuple[()]:
        return ()

    monkeypatch.setattr(domains, "make_keys", no_keys)  # they take their time
    path_ids = {"mailbox_id": world.ours.mailbox.id, "agent_id": world.ours.mailbox.agent_id, "domain_id": world.ours.domain.id}
    path_ids["message_id"] = (await world.send())["message_id"]
    for operation in OPERATIONS:
        if operation.method not in ("POST", "PATCH"):
            continue
        path = operation.path.format(**{name: path_ids.get(name, "x_1") for name in operation.path_fields})
        key = "approver" if operation.permission == "approvals:decide" else "operator"
        for request in requests(operation):
            found = await world.call(operation.method, path, msgspec.json.encode(request), key=key)
            assert found.status_code < 500, (operation.name, request, [e for e in logged if e["event"] == "request failed"])


async def test_no_parameter_of_any_list_makes_a_bug(world, logged):
    await world.send()
    for operation in OPERATIONS:
        if operation.method != "GET" or operation.path_fields or operation.streams:
            continue
        for one in msgspec.structs.fields(operation.input):
            for odd in ODD:
                found = await world.http.request(
                    "GET",
                    operation.path,
                    params={one.encode_name: str(odd)},
                    headers={"authorization": f"Bearer {world.ours.keys['operator']}"},
                )
                assert found.status_code < 500, (operation.name, one.name, odd, logged[-2:])


async def test_no_path_makes_a_bug(world):
    odd = ["%00", "%ff", "%2e%2e", "..", "a%0d%0ab", "x" * 64, "x" * 65, "%F0%9F%98%80", ";", "*", "a%2Fb", "%25"]
    for operation in OPERATIONS:
        if operation.streams:
            continue
        for one in odd:
            path = operation.path.format(**dict.fromkeys(operation.path_fields, one))
            found = await world.call(operation.method, path, key="operator")
            assert found.status_code < 500, (operation.name, path)


async def test_a_slash_in_an_id_leads_to_no_other_operation(world):
    """A client writes an id as it got it, encoded; were it decoded first, the id would choose what is done."""
    sent = (await world.send())["message_id"]
    for path in (f"/v1/messages/{sent}%2Fraw", f"/v1/messages/{sent}%2Ftimeline"):
        assert 422 == (await world.call("GET", path)).status_code
    assert 405 == (await world.call("POST", f"/v1/messages/{sent}%2Fcancel")).status_code
    assert "queued" == (await world.call("GET", f"/v1/messages/{sent}")).json()["status"]


@pytest.mark.parametrize(
    "query", ["messages?until=0.5", "messages?since=1700000000", "approvals?status=null", "agents?limit=null"]
)
async def test_a_parameter_is_not_bent_until_it_fits(world, query):
    """A number is no time, and `null` is not "nothing given": a filter that was meant would be left out in silence."""
    assert 422 == (await world.call("GET", f"/v1/{query}")).status_code


async def test_a_search_for_the_word_null_is_a_search(world):
    await world.send(subject="Tea?")
    found = (await world.call("GET", "/v1/messages?q=null")).json()
    assert [] == found["items"]
    for nothing in ("", "+"):
        assert 1 == len((await world.call("GET", f"/v1/messages?q={nothing}")).json()["items"])
