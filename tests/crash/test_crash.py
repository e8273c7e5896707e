"""The server is killed in the middle of its work, again and again; then an oracle counts what it owes.

What was acknowledged is there, and nobody gets a message twice without an event that says so (I1, I2, I6).
MAILWRIGHT_CRASH_ROUNDS raises the number of rounds, MAILWRIGHT_CRASH_SEED (1) says which.
"""

from __future__ import annotations

import os
import random
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from live.ports import free_port
from live.rest import Json, eventually
from live.server import Server
from live.sink import Sink
from live.zone import Background, Dns

from mailwright.core.limits import MOST

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ROUNDS = int(os.environ.get("MAILWRIGHT_CRASH_ROUNDS", "1"))
SEED = int(os.environ.get("MAILWRIGHT_CRASH_SEED", "1"))
MESSAGES, CONNECTIONS, KILLS = 1000, 10, 4
LARGE = 300_000  # octets: kept in a file of its own

seeds = pytest.mark.parametrize("seed", [SEED + number for number in range(ROUNDS)], ids=str)


@dataclass(slots=True)
class World:
    """A server with its DNS, and the server of the others."""

    server: Server
    sink: Sink
    dns: Dns


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    background = Background()
    dns = Dns(background, "sink.example MX 10 mx.sink.example\nmx.sink.example A 127.0.0.1")
    sink = Sink(background).start()
    settings = {
        "server": {"hostname": "mx.agents.example", "addresses": ["127.0.0.1"]},
        "smtp": {"port": free_port()},
        "api": {"port": free_port()},
        "dns": {"nameservers": [f"127.0.0.1:{dns.port}"]},
        "delivery": {"allow_private": True, "port": sink.port},
    }
    server = Server(tmp_path, settings).start()
    yield World(server, sink, dns)
    server.end()
    sink.close()
    dns.close()
    background.close()


@dataclass(slots=True)
class Acknowledged:
    """What the server said yes to, and the moments at which it is killed: after so many yeses."""

    kills: list[int]
    tags: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)  # sent more than once, since no answer came
    moved: threading.Condition = field(default_factory=threading.Condition)

    def note(self, tag: str) -> None:
        """One more yes."""
        with self.moved:
            self.tags.add(tag)
            self.moved.notify_all()

    def await_count(self, count: int) -> None:
        """Return when there are so many."""
        with self.moved:
            assert self.moved.wait_for(lambda: len(self.tags) >= count, 60), f"only {len(self.tags)} came through"


def under_fire(world: World, load: Callable[[Acknowledged, list[str]], None], seed: int, stops: int = 0) -> Acknowledged:
    """Run the load over ten connections, and kill (or stop, so many times) and restart the server at seeded moments."""
    chance = random.Random(seed)
    end = world.server.stop if stops else world.server.kill
    acknowledged = Acknowledged(sorted(chance.sample(range(20, MESSAGES - 20), stops or KILLS)))
    tags = [f"t{number}" for number in range(MESSAGES)]
    shares = [tags[number::CONNECTIONS] for number in range(CONNECTIONS)]
    threads = [threading.Thread(target=load, args=(acknowledged, share), daemon=True) for share in shares]
    for thread in threads:
        thread.start()
    for count in acknowledged.kills:
        acknowledged.await_count(count)
        time.sleep(chance.random() / 100)
        end()
        world.server.start()
    for thread in threads:
        thread.join(60)
    assert MESSAGES == len(acknowledged.tags)
    return acknowledged


TABLE = "{:<4} {:>8} {:>17} {:>13} {:>6} {:>5} {:>11} {:>6} {:>7}"
HEAD_IN = TABLE.format("", "seed", "killed at", "acknowledged", "found", "lost", "duplicates", "resent", "untold")
HEAD_OUT = TABLE.format("", "seed", "killed at", "acknowledged", "found", "lost", "duplicates", "told", "untold")


# --- in ------------------------------------------------------------


def raw_message(tag: str) -> bytes:
    padding = b"x" * 70 + b"\r\n"
    size = LARGE if tag.endswith("7") and len(tag) > 3 else 3000
    head = (
        f"From: <bob@there.example>\r\nTo: <ada@agents.example>\r\nSubject: {tag}\r\nMessage-ID: <{tag}@there.example>\r\n\r\n"
    )
    return head.encode() + padding * (size // len(padding))


def deliver(port: int) -> Callable[[Acknowledged, list[str]], None]:
    """Deliver over SMTP; whatever got no 250 is sent again over another connection."""

    def load(acknowledged: Acknowledged, tags: list[str]) -> None:
        left, tried = list(reversed(tags)), set[str]()
        while left:
            try:
                with smtplib.SMTP("127.0.0.1", port, "there.example", timeout=10) as client:
                    while left:
                        if left[-1] in tried:
                            acknowledged.again.add(left[-1])
                        tried.add(left[-1])
                        client.sendmail("bob@there.example", ["ada@agents.example"], raw_message(left[-1]))
                        acknowledged.note(left.pop())
            except (OSError, smtplib.SMTPException):
                time.sleep(0.02)

    return load


@seeds
def test_no_message_that_got_its_250_is_lost(world: World, seed: int, tell: Callable[[str], None]) -> None:
    api = world.server.api()
    api.aligned_domain("agents.example", world.dns.publish)
    ada = api.mailbox("ada@agents.example")
    acknowledged = under_fire(world, deliver(world.server.smtp_port), seed)
    found: Counter[str] = Counter()
    broken = []
    for one in api.everything("/v1/messages", mailbox_id=ada["id"]):
        found[one["subject"]] += 1
        if api.raw(f"/v1/messages/{one['message_id']}/raw") != raw_message(one["subject"]):
            broken.append(one["subject"])
    lost = acknowledged.tags - set(found)
    # Twice is only what the client itself sent twice, since the yes to the first never reached it.
    twice = {tag for tag, count in found.items() if count > 1}
    untold = {tag for tag in twice if tag not in acknowledged.again}
    kills = ",".join(map(str, acknowledged.kills))
    row = (seed, kills, len(acknowledged.tags), len(found), len(lost), len(twice), len(acknowledged.again), len(untold))
    tell(HEAD_IN + "\n" + TABLE.format("in", *row))
    assert (set(), set(), []) == (lost, untold, broken)
    received = [one["data"]["subject"] for one in api.events("message.received")]
    assert Counter(received) == found, "each message is told once"


# --- out ------------------------------------------------------------


def send(server: Server, mailboxes: list[Json]) -> Callable[[Acknowledged, list[str]], None]:
    """Send over REST; whatever got no answer is asked again with the same Idempotency-Key."""

    def load(acknowledged: Acknowledged, tags: list[str]) -> None:
        api = server.api()
        for tag in tags:
            body = {"to": [f"{tag}@sink.example"], "subject": tag, "text": "Hello."}
            path = f"/v1/mailboxes/{mailboxes[int(tag[1:]) % 2]['id']}/send"
            while True:
                try:
                    api.post(path, body, key=tag)
                    break
                except httpx2.HTTPError:
                    acknowledged.again.add(tag)
                    time.sleep(0.02)
            acknowledged.note(tag)

    return load


@seeds
def test_no_message_that_got_its_202_is_lost_and_none_goes_out_twice_untold(
    world: World, seed: int, tell: Callable[[str], None]
) -> None:
    api = world.server.api()
    api.aligned_domain("agents.example", world.dns.publish)
    again = api.mailbox("ada@agents.example")
    once = api.mailbox("once@agents.example", at_most_once=True)
    acknowledged = under_fire(world, send(world.server, [again, once]), seed)
    over = {"delivered", "unknown", "bounced"}

    def waiting() -> list[Json]:
        return [one for status in ("queued", "deferred") for one in api.get("/v1/messages", status=status)["items"]]

    eventually(lambda: not waiting(), 40, lambda: f"not over: {waiting()}")
    sent = {one["message_id"]: one for one in api.everything("/v1/messages", direction="outbound")}
    told = {sent[one["data"]["message_id"]]["subject"] for one in api.events("message.unknown")}
    by_tag = Counter(one["subject"] for one in sent.values())
    dots = {recipient.partition("@")[0]: count for recipient, count in world.sink.dots.items()}
    ended = {one["subject"] for one in sent.values() if one["status"] in over}
    arrived_or_told = set(dots) | told
    lost = acknowledged.tags - (ended & arrived_or_told)
    twice = {tag for tag, count in dots.items() if count > 1}
    kills = ",".join(map(str, acknowledged.kills))
    row = (seed, kills, len(acknowledged.tags), len(dots), len(lost), len(twice), len(told), len(twice - told))
    tell(HEAD_OUT + "\n" + TABLE.format("out", *row))
    assert (set(), set()) == (lost, twice - told)
    assert len(told) <= KILLS * MOST, "what was not begun is told as unknown"
    assert {1} == set(by_tag.values()), "one Idempotency-Key made two messages"
    careful = {one["subject"] for one in sent.values() if one["mailbox_id"] == once["id"]}
    assert set() == careful & twice, "a mailbox that wants nothing twice sent something twice"
    claimed = {one["subject"] for one in sent.values() if one["status"] == "delivered"}
    assert set() == claimed - set(dots), "told as delivered, and never arrived"


def test_a_server_that_is_asked_to_stop_sends_nothing_twice_and_knows_what_it_did(
    world: World, tell: Callable[[str], None]
) -> None:
    api = world.server.api()
    api.aligned_domain("agents.example", world.dns.publish)
    boxes = [api.mailbox("ada@agents.example"), api.mailbox("once@agents.example", at_most_once=True)]
    under_fire(world, send(world.server, boxes), SEED, stops=2)
    count = lambda: len(api.everything("/v1/messages", direction="outbound", status="delivered"))  # noqa: E731
    eventually(lambda: count() == MESSAGES, 40, lambda: f"{count()} were delivered")
    tell(f"{len(world.sink.dots)} delivered across 2 stops in good order, seed {SEED}")
    assert {1} == set(world.sink.dots.values())
    assert [] == api.events("message.unknown")
