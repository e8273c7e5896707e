"""`mailwright local` as its users start it: a process that tells where everything is, plays the tour, and goes when asked."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import pytest
from live.local import COMMAND, PATIENCE, Local
from live.ports import free_ports
from live.rest import Api, Json, Refused, eventually
from live.smtp import post

from mailwright.app import assembly
from mailwright.app.sockets import CannotStart
from mailwright.config import Config
from mailwright.local import world as local_world
from mailwright.local.world import Options

pytestmark = pytest.mark.slow

KEYS = {"api_url", "operator_key", "approver_key", "agent_key", "mailbox_id", "domain", "simulator_domain"}
KEYS |= {"mx", "dns", "outbox_url"}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Local]]:
    started: list[Local] = []

    def start(*options: str) -> Local:
        started.append(Local(tmp_path, *options))
        return started[-1]

    yield start
    for one in started:
        one.end()


def test_it_starts_in_a_moment_says_where_everything_is_and_goes_when_asked(
    start: Callable[..., Local], tell: Callable[[str], None]
) -> None:
    world = start("--no-tour")
    tell(f"the ready file was there after {world.seconds:.2f} s")
    assert KEYS == set(world.ready)
    assert 0o600 == world.ready_file.stat().st_mode & 0o777, "there are keys in it"
    assert ("agents.test", "simulator.test") == (world.ready["domain"], world.ready["simulator_domain"])
    for key in ("operator_key", "approver_key", "agent_key"):
        Api(world.ready["api_url"], world.ready[key]).get("/v1/messages")
    with socket.create_connection(world.ready["mx"].split(":"), 5) as mx:
        assert mx.recv(100).startswith(b"220 ")
    assert {"items": []} == httpx2.get(world.ready["outbox_url"]).json()
    assert 0 == world.stop()
    assert "Traceback" not in world.log.read_text()


def test_the_tour_passes(start: Callable[..., Local]) -> None:
    world = start()
    eventually(lambda: "The world is up" in world.log.read_text(), PATIENCE, world.log.read_text)
    told = world.log.read_text()
    assert [f"\n{number}. " in told for number in range(1, 10)] == [True] * 9
    for proof in ("status: aligned", "SPF pass", "DKIM pass", "DMARC pass", "signature valid"):
        assert proof in told
    assert 0 == world.stop()


def test_a_second_start_on_the_same_data_keeps_keys_and_mail(start: Callable[..., Local], tmp_path: Path) -> None:
    options = ("--data", str(tmp_path / "data"), "--no-tour")
    first = start(*options)
    box = {"id": first.ready["mailbox_id"]}
    sent = first.api.send(box, "success@simulator.test")
    first.api.settled(sent["message_id"], "delivered")
    post(int(first.ready["mx"].rpartition(":")[2]), "ada@agents.test", "Kept?")
    came = first.api.arrived(box)
    assert 0 == first.stop()
    second = start(*options)
    kept = ("operator_key", "approver_key", "agent_key", "mailbox_id")
    assert [first.ready[name] for name in kept] == [second.ready[name] for name in kept]
    assert [came["message_id"], sent["message_id"]] == [
        one["message_id"] for one in second.api.get("/v1/messages", mailbox_id=box["id"])["items"]
    ]
    assert "delivered" == second.api.get(f"/v1/messages/{sent['message_id']}")["status"]
    second.api.settled(second.api.send(box, "success@simulator.test")["message_id"], "delivered")


def test_a_first_start_that_was_killed_before_its_end_is_finished_by_the_next(
    start: Callable[..., Local], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    options = ("--data", str(data), "--no-tour")
    first = start(*options)
    assert 0 == first.stop()
    (data / "local.json").unlink()  # it is the last that a first start writes
    second = start(*options)
    same = ("operator_key", "mailbox_id", "domain")
    assert [first.ready[name] for name in same] == [second.ready[name] for name in same]
    second.api.settled(second.api.send({"id": second.ready["mailbox_id"]}, "success@simulator.test")["message_id"], "delivered")
    assert 0 == second.stop()
    (data / "local.json").unlink()
    (data / "operator.key").unlink()
    third = subprocess.run((*COMMAND, *options), capture_output=True, text=True, timeout=PATIENCE)
    assert 0 != third.returncode
    assert "begin with an empty folder" in third.stderr
    assert "Traceback" not in third.stderr


class Held:
    """Hold those of the ports that are free."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._held: list[socket.socket] = []

    def __enter__(self) -> list[socket.socket]:
        for port in self._ports:
            probe = socket.socket()
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                probe.close()
            else:
                probe.listen()
                self._held.append(probe)
        return self._held

    def __exit__(self, *_: object) -> None:
        for probe in self._held:
            probe.close()


def test_port_base_names_five_ports_in_a_row(start: Callable[..., Local]) -> None:
    base = free_ports(5)
    world = start("--no-tour", "--port-base", str(base))
    ports = [int(world.ready[name].split(":")[-1].split("/")[0]) for name in ("api_url", "mx", "dns", "outbox_url")]
    assert [base, base + 1, base + 3, base + 4] == ports
    sent = world.api.send({"id": world.ready["mailbox_id"]}, "success@simulator.test")
    delivered = world.api.settled(sent["message_id"], "delivered")
    assert "mx.simulator.test" == delivered["recipients"][0]["mx"]
    with socket.create_connection(("127.0.0.1", base + 2), 5) as receivers:
        assert receivers.recv(100).startswith(b"220 mx.simulator.test")


@pytest.mark.parametrize("which", range(5), ids=["api", "mx", "receivers", "dns", "outbox"])
def test_a_port_that_is_taken_is_named_and_the_status_is_2(which: int) -> None:
    base = free_ports(5)
    with Held([base + which]):
        command = (*COMMAND, "--no-tour", "--port-base", str(base))
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert 2 == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    assert str(base + which) in done.stderr
    assert done.stderr.startswith("mailwright: ")
    assert 1 == len(done.stderr.strip().splitlines())


@pytest.mark.parametrize("place", ["nowhere/world.json", "."])
def test_a_ready_file_that_can_not_be_written_is_named_and_the_status_is_2(tmp_path: Path, place: str) -> None:
    command = (*COMMAND, "--no-tour", "--port-base", str(free_ports(5)), "--ready-file", str(tmp_path / place))
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (2, 1) == (done.returncode, len(done.stderr.strip().splitlines())), done.stderr
    assert done.stderr.startswith(f"mailwright: {tmp_path / place} can't be written: ")


async def test_nobody_takes_the_receivers_port_while_the_server_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def starting(config: Config) -> NoReturn:
        with pytest.raises(OSError, match="in use"), socket.socket() as stranger:
            stranger.bind(("127.0.0.1", config.delivery.port))
        raise CannotStart("seen")

    monkeypatch.setattr(assembly, "start", starting)
    async with AsyncExitStack() as stack:
        with pytest.raises(CannotStart, match="seen"):
            await local_world.start(Options(), tmp_path, stack)


# --- the simulator's addresses ------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    world = Local(tmp_path_factory.mktemp("world"), "--no-tour")
    yield world
    world.end()


ADDRESSES = ("success", "bounce", "softbounce", "greylist", "complaint", "ooto", "spamfolder", "slow")
LABELS = ("", "+label")
labels = pytest.mark.parametrize("label", LABELS, ids=["bare", "labelled"])


@pytest.fixture(scope="module")
def sent(world: Local) -> dict[str, Json]:
    """One message to each, all at once, since some take their time."""
    box = {"id": world.ready["mailbox_id"]}
    names = [name + label for name in ADDRESSES for label in LABELS]
    return {name: world.api.send(box, f"{name}@simulator.test", subject=f"To {name}") for name in names}


def outcome(world: Local, sent: dict[str, Json], name: str, status: str, within: float = 10) -> Json:
    """What became of the recipient of that name."""
    recipient: Json = world.api.settled(sent[name]["message_id"], status, within=within)["recipients"][0]
    return recipient


def in_outbox(world: Local, name: str) -> list[Json]:
    """What the receiver of that name got."""
    items: list[Json] = httpx2.get(world.ready["outbox_url"]).json()["items"]
    return [one for one in items if f"{name}@simulator.test" in one["rcpt_to"]]


def suppressed(world: Local) -> dict[str, str]:
    return {one["address"]: one["reason"] for one in world.operator.everything("/v1/suppressions")}


def told(world: Local, sent: dict[str, Json], name: str, kind: str) -> list[Any]:
    """The events of that type about the message to that name."""
    return [one["data"] for one in world.operator.events(kind) if one["data"].get("message_id") == sent[name]["message_id"]]


@labels
def test_success_accepts(world: Local, sent: dict[str, Json], label: str) -> None:
    assert (250, "2.0.0") == (lambda one: (one["code"], one["enhanced"]))(outcome(world, sent, f"success{label}", "delivered"))
    (got,) = in_outbox(world, f"success{label}")
    assert ("pass", "pass", "inbox") == (got["verdicts"]["spf"], got["verdicts"]["dmarc"], got["folder"])
    assert ["pass", "pass"] == [one["result"] for one in got["verdicts"]["dkim"]]


@labels
def test_bounce_refuses_for_good_and_the_address_is_suppressed(world: Local, sent: dict[str, Json], label: str) -> None:
    recipient = outcome(world, sent, f"bounce{label}", "bounced")
    assert (550, "5.1.1") == (recipient["code"], recipient["enhanced"])
    assert recipient["text"] == told(world, sent, f"bounce{label}", "message.bounced")[0]["text"]
    assert "hard_bounce" == suppressed(world)[f"bounce{label}@simulator.test"]
    with pytest.raises(Refused, match="recipient_suppressed"):
        world.api.send({"id": world.ready["mailbox_id"]}, f"bounce{label}@simulator.test")


@labels
def test_softbounce_refuses_for_now(world: Local, sent: dict[str, Json], label: str) -> None:
    recipient = outcome(world, sent, f"softbounce{label}", "deferred")
    assert (452, "4.2.2") == (recipient["code"], recipient["enhanced"])
    assert recipient["next_attempt_at"]
    assert f"softbounce{label}@simulator.test" not in suppressed(world)


@labels
def test_greylist_refuses_strangers_and_lets_them_in_later(world: Local, sent: dict[str, Json], label: str) -> None:
    recipient = outcome(world, sent, f"greylist{label}", "deferred")
    assert (451, "4.7.1") == (recipient["code"], recipient["enhanced"])
    assert "Greylisted" in recipient["text"]
    time.sleep(5.1 if label == "" else 0)
    again = world.api.send({"id": world.ready["mailbox_id"]}, f"greylist{label}@simulator.test")
    world.api.settled(again["message_id"], "delivered")


@labels
def test_complaint_reports_spam_and_the_address_is_suppressed(world: Local, sent: dict[str, Json], label: str) -> None:
    outcome(world, sent, f"complaint{label}", "delivered")
    eventually(lambda: told(world, sent, f"complaint{label}", "message.complained"), 10)
    assert "abuse" == told(world, sent, f"complaint{label}", "message.complained")[0]["feedback_type"]
    assert "complaint" == suppressed(world)[f"complaint{label}@simulator.test"]


@labels
def test_ooto_answers_that_nobody_is_in(world: Local, sent: dict[str, Json], label: str) -> None:
    outcome(world, sent, f"ooto{label}", "delivered")
    thread_id = sent[f"ooto{label}"]["thread_id"]
    answer = world.api.arrived({"id": world.ready["mailbox_id"]}, thread_id=thread_id)
    assert f"Out of office: Re: To ooto{label}" == answer["subject"]
    assert answer["automatic"]


@labels
def test_suppressed_is_on_the_list(world: Local, label: str) -> None:
    with pytest.raises(Refused, match="recipient_suppressed") as refused:
        world.api.send({"id": world.ready["mailbox_id"]}, f"suppressed{label}@simulator.test")
    assert 422 == refused.value.answer.status_code


@labels
def test_spamfolder_accepts_and_files_it_as_spam(world: Local, sent: dict[str, Json], label: str) -> None:
    outcome(world, sent, f"spamfolder{label}", "delivered")
    assert ["spam"] == [one["folder"] for one in in_outbox(world, f"spamfolder{label}")]


@labels
def test_slow_takes_its_time_and_accepts(world: Local, sent: dict[str, Json], label: str) -> None:
    outcome(world, sent, f"slow{label}", "delivered", within=15)
    assert 1 == len(in_outbox(world, f"slow{label}"))


def test_the_outbox_can_be_emptied_and_a_busy_world_goes_as_fast_as_an_idle_one(world: Local, sent: dict[str, Json]) -> None:
    assert 204 == httpx2.delete(world.ready["outbox_url"]).status_code
    assert {"items": []} == httpx2.get(world.ready["outbox_url"]).json()
    assert 0 == world.stop()
