"""Whatever goes wrong is told in one shape, with the request's id, and never as a stack trace."""

from __future__ import annotations

from typing import Any

import pytest

from mailwright.core import agents
from mailwright.core.errors import StorageBusy


def refusal(found: Any, status: int, code: str) -> dict[str, Any]:
    """The refusal in an answer, checked for its shape."""
    assert (status, "application/json") == (found.status_code, found.headers["content-type"]), found.text
    (error,) = found.json().values()
    assert set(error) == {"code", "message", "fix", "docs", "request_id", "details"}
    assert (code, f"https://mail.example.com/docs#{code}") == (error["code"], error["docs"])
    assert error["request_id"] == found.headers["x-request-id"]
    assert error["message"]
    assert error["fix"]
    return error


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/nothing", "/v1/domains/", "http://mail.example.com//v1/domains", "/v1//domains", "/v1/" + "x" * 5000],
)
async def test_an_unknown_path_is_not_found(world, path):
    refusal(await world.call("GET", path), 404, "not_found")


async def test_a_wrong_method_says_which_ones_are_right(world):
    found = await world.call("PUT", "/v1/domains")
    assert ["GET", "HEAD", "OPTIONS", "POST"] == refusal(found, 405, "method_not_allowed")["details"]["allowed"]
    assert "GET, HEAD, OPTIONS, POST" == found.headers["allow"]


NO_KEYS = [
    "",
    "Bearer",
    "Bearer ",
    "Basic abc",
    "Bearer mw_live_nobody",
    "Bearer " + "x" * 300,
    "b\u00e9arer x",
    "Bearer \u00e9",
]


async def test_without_a_valid_key_nobody_gets_in(world):
    for authorization in NO_KEYS:
        fields = {"authorization": authorization.encode("latin-1")} if authorization else {}
        found = await world.http.request("GET", "/v1/domains", headers=fields)
        refusal(found, 401, "unauthenticated")
        assert found.headers["www-authenticate"].startswith("Bearer")


async def test_the_key_is_asked_for_before_the_body_is_read(world):
    refusal(await world.call("POST", "/v1/agents", b"{", key=""), 401, "unauthenticated")


async def test_the_word_bearer_may_be_written_as_one_likes(world):
    found = await world.http.request("GET", "/v1/agents", headers={"authorization": f"bEaReR {world.ours.keys['agent']}"})
    assert 200 == found.status_code


async def test_an_expired_key_is_no_key(world):
    wanted = {"name": "short", "role": "auditor", "expires_at": "2026-05-28T20:27:00Z"}
    key = (await world.call("POST", "/v1/api-keys", wanted)).json()["key"]
    assert 200 == (await world.call("GET", "/v1/audit", key=key)).status_code
    world.clock.at += 60_000
    refusal(await world.call("GET", "/v1/audit", key=key), 401, "unauthenticated")


async def test_a_revoked_key_is_refused_from_the_next_request_on(world):
    made = (await world.call("POST", "/v1/api-keys", {"name": "short", "role": "auditor"})).json()
    assert 204 == (await world.call("DELETE", f"/v1/api-keys/{made['id']}")).status_code
    refusal(await world.call("GET", "/v1/audit", key=made["key"]), 401, "unauthenticated")


NO_JSON = [
    b"{",
    b"nul",
    b"\xff\xfe",
    b'{"name": "\xff"}',
    b'{"name": "\\ud800"}',
    b"\x00",
    b'{"name": NaN}',
    b'{"name": "x"} {}',
]


async def test_a_body_that_is_no_json_is_malformed(world):
    for body in NO_JSON:
        refusal(await world.call("POST", "/v1/agents", body), 400, "malformed_request")


OTHER_TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "a\u00e9"]


async def test_a_body_of_another_type_is_not_read(world):
    for kind in OTHER_TYPES:
        fields = {"authorization": f"Bearer {world.ours.keys['operator']}", "content-type": kind.encode("latin-1")}
        found = await world.http.request("POST", "/v1/agents", content=b'{"name": "x"}', headers=fields)
        refusal(found, 400, "malformed_request")


WRONG_FIELDS = [
    ({}, "name"),
    ({"name": 5}, "name"),
    ({"name": "x", "nmae": "y"}, "nmae"),
    ({"name": "x" * 2000}, "name"),
    ({"name": "-x"}, "name"),
    ([], "body"),
    (b"[" * 100_000, "body"),
    (b'{"name": ' + b"[" * 100_000, "name"),
    ("x", "body"),
    (None, "name"),
    ({"name": "a\r\nb"}, "name"),
    ({"name": "x", "client_id": "a\x00b"}, "client_id"),
]


async def test_a_field_that_is_wrong_is_named(world):
    for body, path in WRONG_FIELDS:
        found = await world.call("POST", "/v1/agents", b"" if body is None else body)
        (detail,) = refusal(found, 422, "validation_error")["details"]
        assert path == detail["path"]
        assert detail["message"]


async def test_a_header_field_that_is_wrong_is_named(world):
    for headers, path in (({"X" * 300: "y"}, "headers"), ({"X-A": 5}, "headers[...]"), ({"X-A": "a\r\nb"}, "headers.X-A")):
        found = await world.call(
            "POST", f"/v1/mailboxes/{world.ours.mailbox.id}/send", {"to": "bob@there.example", "headers": headers}
        )
        (detail,) = refusal(found, 422, "validation_error")["details"]
        assert (path, False) == (detail["path"], "$" in detail["message"])


WRONG_PARAMETERS = [
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("limit=x", "limit"),
    ("limit=1&limit=2", "limit"),
    ("after=nonsense", "after"),
    ("stauts=held", "stauts"),
    ("status=nonsense", "status"),
    ("mailbox_id=", "mailbox_id"),
    ("mailbox_id=../../etc", "mailbox_id"),
    ("since=yesterday", "since"),
    ("since=2026-01-01T00:00:00", "since"),
    ("q=%0a", "q"),
    ("q=%F0%9F%98%80", "q"),
    ("q=%22*%22+-", "q"),
]


async def test_a_parameter_that_is_wrong_is_named(world):
    for query, path in WRONG_PARAMETERS:
        (detail,) = refusal(await world.call("GET", f"/v1/messages?{query}"), 422, "validation_error")["details"]
        assert path == detail["path"]


UNREADABLE = ["q=%ff", "q=" + "x" * 9000, "&".join(f"a{n}=1" for n in range(200))]


async def test_a_query_that_can_not_be_read_is_malformed(world):
    for query in UNREADABLE:
        refusal(await world.call("GET", f"/v1/messages?{query}"), 400, "malformed_request")


async def test_what_stands_in_the_path_may_not_stand_in_the_query_as_well(world):
    found = await world.call("GET", f"/v1/domains/{world.ours.domain.id}?domain_id={world.theirs.domain.id}")
    refusal(found, 422, "validation_error")


async def test_a_body_says_nothing_about_what_stands_in_the_path(world):
    path = f"/v1/mailboxes/{world.ours.mailbox.id}/send"
    found = await world.call("POST", path, {"mailbox_id": world.theirs.mailbox.id, "to": "bob@there.example"})
    assert "mailbox_id" == refusal(found, 422, "validation_error")["details"][0]["path"]


async def test_an_operation_with_a_body_takes_no_query(world):
    refusal(await world.call("POST", "/v1/agents?name=x", {"name": "grace"}), 422, "validation_error")


BAD_HEADS = [
    [(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")],
    [(b"x-filler", b"x" * 1000)] * 50,
    [(b"x-filler", b"x")] * 200,
]


async def test_a_head_that_is_doubled_or_too_large_is_malformed(world):
    for fields in BAD_HEADS:
        refusal(await world.http.request("GET", "/v1/domains", headers=fields), 400, "malformed_request")


async def test_a_bug_is_told_as_one_and_says_nothing_of_itself(world, monkeypatch, logged):
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr(agents, "page", broken)
    found = await world.call("GET", "/v1/agents")
    request_id = refusal(found, 500, "internal_error")["request_id"]
    assert "secret" not in found.text
    assert "Traceback" not in found.text
    failed = [entry for entry in logged if entry["event"] == "request failed"]
    assert [(request_id, "agents.list", True)] == [(e["request_id"], e["operation"], e["exc_info"]) for e in failed]


async def test_a_store_that_is_busy_says_when_to_come_back(world, monkeypatch):
    async def busy(*_: Any) -> None:
        raise StorageBusy

    monkeypatch.setattr(agents, "page", busy)
    found = await world.call("GET", "/v1/agents")
    refusal(found, 503, "storage_busy")
    assert int(found.headers["retry-after"]) > 0


async def test_every_answer_names_its_request_anew(world):
    found = [
        await world.call("GET", path, x_request_id="mine") for path in ("/healthz", "/v1/agents", "/v1/agents", "/nothing")
    ]
    assert 4 == len({one.headers["x-request-id"] for one in found} - {"mine"})


async def test_every_answer_carries_the_fields_that_keep_browsers_safe(world):
    for path in ("/v1/agents", "/nothing", "/docs", "/openapi.json", "/healthz"):
        found = await world.call("GET", path)
        assert ("nosniff", "no-store") == (found.headers["x-content-type-options"], found.headers["cache-control"])
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert "access-control-allow-origin" not in found.headers


async def test_options_says_what_a_path_answers_to_and_nothing_to_other_origins(world):
    found = await world.call("OPTIONS", "/v1/agents", key="", origin="https://evil.example")
    assert (204, "GET, HEAD, OPTIONS, POST") == (found.status_code, found.headers["allow"])
    assert not [name for name in found.headers if name.startswith("access-control")]


async def test_head_is_get_without_the_body(world):
    got, head = await world.call("GET", "/v1/agents"), await world.call("HEAD", "/v1/agents")
    assert (200, b"") == (head.status_code, head.content)
    assert got.headers["content-length"] == head.headers["content-length"]
