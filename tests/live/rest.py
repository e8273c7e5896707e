"""REST as a caller uses it: one key, JSON in and out, and the answer's error shape checked on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx2

T = TypeVar("T")
Json = dict[str, Any]


class Refused(AssertionError):
    """The answer was not 2xx."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:600]}")
        self.answer = answer


class Api:
    """One caller."""

    def __init__(self, url: str, key: str, *, timeout: float = 30.0) -> None:
        self.url, self.key = url, key
        self.client = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=timeout, trust_env=False)

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def ask(self, method: str, path: str, **how: Any) -> httpx2.Response:
        """Any request, any answer."""
        return self.client.request(method, path, **how)

    def get(self, path: str, **params: Any) -> Any:
        """GET; raises Refused."""
        return _good(self.client.get(path, params=params)).json()

    def raw(self, path: str) -> bytes:
        """GET, as bytes; raises Refused."""
        return _good(self.client.get(path)).content

    def post(self, path: str, body: Json | None = None, *, key: str | None = None) -> Any:
        """POST, with an Idempotency-Key where one is given; raises Refused."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = _good(self.client.post(path, json=body or {}, headers=headers))
        return answer.json() if answer.content else None

    def everything(self, path: str, *, begin: str | None = None, **params: Any) -> list[Json]:
        """All items of a list, page by page."""
        found: list[Json] = []
        cursor = begin
        while True:
            page = self.get(path, limit=200, **params, **({"after": cursor} if cursor else {}))
            found += page["items"]
            cursor = page["next_cursor"]
            if not cursor or not page["items"]:
                return found

    # --- what nearly every test needs ------------------------------------------------------------

    def aligned_domain(self, name: str, publish: Callable[[Json], None]) -> Json:
        """Add a domain, have its records published, verify it."""
        domain: Json = self.post("/v1/domains", {"domain": name})
        publish(domain)
        verified = self.post(f"/v1/domains/{domain['id']}/verify")
        assert "aligned" == verified["status"], verified
        return domain

    def mailbox(self, address: str, **more: Any) -> Json:
        """A mailbox that sends without being asked."""
        box: Json = self.post("/v1/mailboxes", {"address": address, "oversight_mode": "autonomous", **more})
        return box

    def send(self, mailbox: Json, to: str | list[str], **more: Any) -> Json:
        """Send; what the answer says."""
        wanted = {"to": to, "subject": "Tea?", "text": "At four?", **more}
        sent: Json = self.post(f"/v1/mailboxes/{mailbox['id']}/send", wanted)
        return sent

    def settled(self, message_id: str, *statuses: str, within: float = 20.0) -> Json:
        """The message once it has one of these states."""
        message: Json = {}

        def look() -> bool:
            message.update(self.get(f"/v1/messages/{message_id}"))
            return message["status"] in statuses

        eventually(look, within, lambda: f"{message_id} is {message.get('status')}: {message.get('recipients')}")
        return message

    def events(self, *types: str, after: str = "start") -> list[Json]:
        """The log from some place on, or only these types of it."""
        return self.everything("/v1/events", begin=after, **({"type": list(types)} if types else {}))

    def arrived(self, mailbox: Json, *, within: float = 10.0, **narrow: Any) -> Json:
        """The newest incoming message of a mailbox, once there is one (that `narrow` finds)."""
        box = mailbox["id"]

        def look() -> Any:
            page = self.get("/v1/messages", mailbox_id=box, direction="inbound", limit=1, **narrow)
            return page["items"][0] if page["items"] else None

        found: Json = eventually(look, within, lambda: "nothing came in")
        return found


def _good(answer: httpx2.Response) -> httpx2.Response:
    if not answer.is_success:
        raise Refused(answer)
    return answer


def eventually(look: Callable[[], T | None], within: float, what: Callable[[], str] = lambda: "it did not happen") -> T:
    """Look again and again until there is something; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what()} (within {within:.0f} s)")
        time.sleep(0.03)
