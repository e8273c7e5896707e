"""What the tests of delivery have in common: a message to bob, and each step of its way by itself."""

from __future__ import annotations

from mailwright.core import delivery
from mailwright.core.ports import Delivered, Host, Report, Unknown
from mailwright.core.sending import Wanted

BOB, CAROL = "bob@there.example", "carol@there.example"
FINE, LOST = Delivered(250, "2.0.0", "taken"), Unknown("the connection was lost after the final dot")
MINUTE, HOUR = 60_000, 3_600_000


def send(internet, *to: str, mode: str = "autonomous", **wanted):
    internet.person(BOB)
    return internet.agent("ada", mode=mode).submit(Wanted(to=to or (BOB,), subject="Tea?", text="At four?", **wanted))


def claim(internet, *busy: str):
    return internet.do(delivery.claim(internet.ports, 10, busy))


def begin(internet):
    """Claim what is due and begin it; the jobs."""
    return [job for job in begun(internet, *claim(internet)) if job is not None]


def begun(internet, *jobs):
    """What was claimed, begun; None for what somebody else has by now."""
    return internet.write(lambda tx: delivery.begin(tx, internet.ports, jobs))


def route_of(internet, job, local: Host | None = None):
    return internet.do(delivery.find_route(internet.ports, job, local, lambda names: None))


def record(internet, job, outcome, **report):
    (step,) = recorded(internet, delivery.Ended(job, Report((outcome,), (), **report), b"", 0.5))
    return step


def recorded(internet, *ended):
    return internet.write(lambda tx: delivery.record(tx, internet.ports, ended))


def row_of(sent, address: str = BOB):
    return sent.recipients[address]


def told(internet, *types: str) -> list[str]:
    return [event.type for event in internet.events(*types) if event.type.startswith("message")]
