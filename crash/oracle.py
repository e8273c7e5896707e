"""What was said yes to, against what is stored, delivered, queued and told.

Lost is what got a 250 and is not stored, or got a 202 and neither arrived, nor waits, nor was told of. A duplicate is allowed
where the sink saw the final dot and nobody can know more, and each one beyond the first has to be told as `message.unknown`.
What the sending peer itself sent again, since it heard no yes, is no duplicate of ours.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from live.rest import Api, Json

from crash.load import Load
from crash.world import TOLD, World

PATIENCE = 30.0  # seconds until what was taken has come to its end
UNDER_WAY, WAITING = {"queued"}, {"deferred", "scheduled"}
LATER = 2100.0  # seconds the clock is put forward so that deferred deliveries are due
STUCK = 5.0  # seconds without any change


@dataclass(slots=True)
class Verdict:
    """Of one round."""

    accepted: int = 0
    taken: int = 0
    lost: list[str] = field(default_factory=list)
    told: int = 0  # duplicates that were told
    untold: list[str] = field(default_factory=list)
    waiting: int = 0  # neither lost nor over
    wrongs: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.untold or self.wrongs)


def judge(world: World, load: Load, since: str) -> Verdict:
    """Let everything come to its end, and count. `since` is the place in the log at which the round began."""
    verdict = Verdict(len(load.accepted), len(load.taken), wrongs=list(load.wrongs))
    with Api(world.server.api_url, world.api.key) as api:
        sent = _settled(world, api, load)
        events = _mine(api, since)
        _judge_incoming(api, load, events, verdict)
        _judge_outgoing(world, load, sent, events, verdict)
        _judge_telling(world, api, events, verdict)
    return verdict


def place(world: World) -> str:
    """Where the log ends now."""
    return str(world.api.get("/v1/events", after="now")["next_cursor"])


# --- in -----------------------------------------------------------------------------------------------------------------


def _judge_incoming(api: Api, load: Load, events: list[Json], verdict: Verdict) -> None:
    found: Counter[str] = Counter()
    for one in _messages(api, load, "inbound"):
        found[one["subject"]] += 1
        looked_at = one["subject"].endswith(("1", "7"))  # those that end in 7 are large
        if looked_at and api.raw(f"/v1/messages/{one['message_id']}/raw") != load.raw(one["subject"]):
            verdict.wrongs.append(f"{one['subject']} is not what was sent")
    verdict.lost += sorted(load.accepted - set(found))
    twice = {tag for tag, count in found.items() if count > 1}
    verdict.untold += sorted(twice - load.resent)
    arrived = Counter(one["data"]["subject"] for one in events if one["type"].startswith("message.received"))
    told = Counter({tag: count for tag, count in arrived.items() if tag in set(load.tags)})
    if told != found:
        verdict.wrongs.append(f"message.received and what is stored differ: {(told - found) + (found - told)}")


def _messages(api: Api, load: Load, direction: str) -> list[Json]:
    tags = set(load.tags)
    return [one for one in api.everything("/v1/messages", direction=direction) if one["subject"] in tags]


# --- out ----------------------------------------------------------------------------------------------------------------


def _settled(world: World, api: Api, load: Load) -> list[Json]:
    """The messages out once none is under way; time passes for those that wait."""
    deadline, changed, before = time.monotonic() + PATIENCE, time.monotonic(), ""
    while True:
        mine = _messages(api, load, "outbound")
        states = Counter(one["status"] for one in mine)
        now = time.monotonic()
        if not set(states) & (UNDER_WAY | WAITING) or now > deadline:
            return mine
        if str(states) != before:
            before, changed = str(states), now
        if not set(states) & UNDER_WAY or now - changed > STUCK:
            _pass_time(world, api)
            changed = now
        time.sleep(0.05)


def _pass_time(world: World, api: Api) -> None:
    world.jump(LATER)
    # Its arrival in the queue wakes the loop, which would look at its clock only now and then.
    api.post(f"/v1/mailboxes/{world.ada['id']}/send", {"to": ["passer-by@sink.example"], "subject": "time", "text": "passes"})


def _judge_outgoing(world: World, load: Load, sent: list[Json], events: list[Json], verdict: Verdict) -> None:
    by_tag: dict[str, list[Json]] = {}
    for one in sent:
        by_tag.setdefault(one["subject"], []).append(one)
    said: Counter[tuple[str, str]] = Counter((one["data"].get("message_id", ""), one["type"]) for one in events)
    verdict.lost += sorted(load.taken - set(by_tag))
    for tag, messages in by_tag.items():
        if len(messages) > 1:
            verdict.wrongs.append(f"one Idempotency-Key made {len(messages)} messages of {tag}")
        _judge_one(tag, messages[0], world.sink.dots[f"{tag}@sink.example"], said, verdict)
        if messages[0]["mailbox_id"] == world.once["id"] and world.sink.dots[f"{tag}@sink.example"] > 1:
            verdict.wrongs.append(f"{tag} went out twice from a mailbox that wants nothing twice")


def _judge_one(tag: str, message: Json, dots: int, said: Counter[tuple[str, str]], verdict: Verdict) -> None:
    status, name = message["status"], message["message_id"]
    unknown = said[name, "message.unknown"]
    if status in UNDER_WAY | WAITING:
        verdict.waiting += 1
        verdict.wrongs.append(f"{tag} is still {status}")
    elif status == "delivered" and not dots:
        verdict.wrongs.append(f"{tag} is told as delivered and never arrived")
    elif not said[name, f"message.{status}"]:
        verdict.lost.append(tag)  # it ended, and nobody was told how
    if status != "unknown" and said[name, f"message.{status}"] > 1:
        verdict.wrongs.append(f"{tag}: message.{status} was told {said[name, f'message.{status}']} times")
    if dots > 1:
        verdict.told += min(dots - 1, unknown)
        if dots - 1 > unknown:
            verdict.untold.append(tag)


# --- told ---------------------------------------------------------------------------------------------------------------


def _mine(api: Api, since: str) -> list[Json]:
    return api.everything("/v1/events", begin=since)


def _judge_telling(world: World, api: Api, events: list[Json], verdict: Verdict) -> None:
    wanted = {one["id"] for one in events if one["type"] in TOLD}
    deadline, nudge = time.monotonic() + PATIENCE / 2, time.monotonic() + 1.0
    while missing := wanted - {post.headers.get("webhook-id", "") for post in list(world.hooks.got)}:
        if time.monotonic() > deadline:
            verdict.wrongs.append(f"{len(missing)} events were never told to the webhook")
            return
        if time.monotonic() > nudge:
            _pass_time(world, api)
            nudge = time.monotonic() + 2.0
        time.sleep(0.02)
