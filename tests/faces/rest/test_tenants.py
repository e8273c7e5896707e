"""Two tenants and every operation there is: nothing that one of them has, does or is exists for the other (S25, S26).

The requests are made from the table of operations, so a new one is tried as soon as it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from mailwright.contract.operations import OPERATIONS, Operation
from mailwright.core import domains
from mailwright.core.accounts import ROLES
from mailwright.core.model import DkimKey, OversightMode, Role
from mailwright.mail.address import parse_mailbox
from mailwright.mailauth import dkim

from .houses import ID, PREFIXES, House, Request, Street, plain

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ASKED = [one for one in OPERATIONS if one.permission is not None and not one.streams]
WORDS = {"text", "subject", "name", "display_name", "detail", "note", "responsible"}
"""Fields that take any words."""


@dataclass
class Asking:
    """A request in the making. `foreign`: words in it that are the other's, and words that are nobody's in their place."""

    rng: Random
    operation: Operation[Any, Any]
    ours: House
    theirs: House
    foreign: dict[str, str] = field(default_factory=dict)

    def role(self) -> Role:
        """Mostly one that may."""
        may = [role for role in Role if self.operation.permission in ROLES[role]]
        return self.rng.choice(may if may and self.rng.random() < 0.8 else [*Role])

    def request(self, number: int) -> Request:
        """The documented request with ids of anybody's in it, and our mark on all of its words."""
        operation, rng = self.operation, self.rng
        path = operation.path.format(**{name: self.id(name) for name in operation.path_fields})
        body: dict[str, Any] = dict(rng.choice(operation.examples).request) if operation.examples else {}
        mark = self.ours.mark + (self.ours.sealed if self.ours.mailboxes[1] in path else "")
        for name in {one.encode_name for one in msgspec.structs.fields(operation.input)} - set(operation.path_fields):
            if name in WORDS and name in body:
                body[name] = f"{body[name]} {mark} {number}" if name != "name" else f"{mark}-{number}"
            elif name in body or rng.random() < 0.3:
                body |= self.field(name, number)
        if self.foreign:
            body.pop("client_id", None)  # with one seen before, what was made then is given, whatever else is asked
        return Request(path, body)

    def field(self, name: str, number: int) -> dict[str, Any]:
        """A field by its name; nothing for a field of which only the example is known."""
        if name in PREFIXES:
            return {name: self.id(name)}
        match name:
            case "address":
                if self.operation.name == "suppressions.list":
                    return {name: f"gone@{self.either(self.ours.mark, self.theirs.mark, 'canaryz')}.example"}
                return {name: f"new{number}@{self.domain()}"} if self.operation.group == "mailboxes" else {}
            case "from" | "agent":
                return {name: f"box0@{self.domain()}"} if self.operation.group == "email" else {}
            case "domain":
                return {name: self.domain()}
            case "q":
                return {name: self.either(self.ours.mark, self.theirs.mark, "canaryz")}
            case "digest":
                return {name: self.rng.choice([*self.ours.digests, *self.theirs.digests, "x"])}
            case "oversight_mode":
                return {name: self.rng.choice([*OversightMode]).value}
            case "subject":
                return {name: self.id(self.rng.choice([*PREFIXES]))} if self.operation.group == "audit" else {}
            case "status":
                return {name: "pending"} if self.operation.group == "approvals" else {}
            case "label":
                return {name: "done"}
            case "client_id":
                return {name: f"client{self.rng.randrange(3)}"}
            case _:
                return {}

    def domain(self) -> str:
        """Ours, or theirs."""
        return self.either(f"{self.ours.name}.example", f"{self.theirs.name}.example", "z.example")

    def either(self, own: str, other: str, nobodys: str) -> str:
        """One of both."""
        if self.rng.random() < 0.5:
            return own
        self.foreign[other] = nobodys
        return other

    def id(self, name: str) -> str:
        """An id of that kind: the other's, ours or nobody's."""
        prefix = PREFIXES.get(name, "x")
        others = self.theirs.of(prefix)
        own = [one for one in self.ours.of(prefix) if not (self.operation.destructive and one in self.ours.base)]
        if others and self.rng.random() < 0.5:
            found = self.rng.choice(others)
            self.foreign[found] = found[:4] + "f" * (len(found) - 4)
            return found
        return self.rng.choice(own) if own and self.rng.random() < 0.9 else f"{prefix}_{'0' * 24}"


class TwoHouses(RuleBasedStateMachine):
    """What they do, and what must come of it."""

    @initialize()
    def move_in(self) -> None:
        self.street = Street()
        self.number = 0

    # --- what happens ------------------------------------------------------------

    @rule(house=st.integers(0, 1), seed=st.integers(0, 2**32))
    def ask(self, house: int, seed: int) -> None:
        """One of them asks for half of what there is, by ids of its own, of the other, or of nobody."""
        (ours, theirs), rng = self._sides(house), Random(seed)
        theirs.seen = theirs.seen or self.street.look(theirs)
        ours.seen = ""
        for operation in rng.sample(ASKED, len(ASKED) // 2):
            self._ask(Asking(rng, operation, ours, theirs))
        self._untouched(theirs)

    @rule(house=st.integers(0, 1), box=st.integers(0, 1), which=st.integers(0, 99))
    def write(self, house: int, box: int, which: int) -> None:
        """Somebody outside writes to one of them, and claims to answer a message of the other."""
        ours, theirs = self._sides(house)
        mark, bob = ours.mark + (ours.sealed if box else ""), self.street.bob
        to = parse_mailbox(f"box{box}@{ours.name}.example")
        draft = bob.draft((to,), f"Re: Tea? {mark}", f"Gladly. {mark}")
        if theirs.message_ids:
            claimed = theirs.message_ids[which % len(theirs.message_ids)]
            draft = replace(draft, in_reply_to=(claimed,), references=(claimed,))
        theirs.seen = theirs.seen or self.street.look(theirs)
        bob.send(draft)
        ours.seen = ""
        self._untouched(theirs)

    @rule()
    def settle(self) -> None:
        """What is due is done; each is told of its own."""
        self.street.settle()
        for ours, theirs in (self._sides(0), self._sides(1)):
            for call in ours.hook.calls:
                self._silent(call.body.decode(), ours, theirs, Role.OPERATOR)
            ours.hook.calls.clear()

    @rule(house=st.integers(0, 1), role=st.sampled_from([Role.OPERATOR, Role.APPROVER, Role.AGENT]))
    def follow(self, house: int, role: Role) -> None:
        """A stream from the first event on tells of nothing that is the other's."""
        ours, theirs = self._sides(house)
        said, ours.seen = self.street.stream(ours, role), ""
        assert "event:" in said
        self._silent(said, ours, theirs, role)

    # --- one request ------------------------------------------------------------

    def _ask(self, asking: Asking) -> None:
        self.number += 1
        ours, operation, role = asking.ours, asking.operation, asking.role()
        request = asking.request(self.number)
        note(f"{ours.name} {role} {operation.name} {request}")
        answer = self.street.ask(ours, role, operation, request)
        assert answer.status_code < 500, answer.text
        self._silent(answer.text, ours, asking.theirs, role)
        if operation.permission not in ROLES[role]:
            assert (403, "missing_permission") == (answer.status_code, answer.json()["error"]["code"])
        elif asking.foreign:
            self._no_different(asking, role, request, answer)

    def _no_different(self, asking: Asking, role: Role, request: Request, answer: httpx2.Response) -> None:
        """The same request with what nobody has instead is answered in the same words."""
        again = self.street.ask(asking.ours, role, asking.operation, request.instead(asking.foreign))
        asking.ours.base |= set(ID.findall(answer.text + again.text))  # what came of both is kept, or they would differ one day
        if asking.operation.name != "audit.list":  # it tells of the first of both, which was refused
            first, second = plain(answer, asking.foreign), plain(again, asking.foreign)
            assert first == second, f"{asking.operation.name}: {parting(str(first), str(second))}"

    # --- what must hold ------------------------------------------------------------

    def _sides(self, house: int) -> tuple[House, House]:
        return self.street.houses[house], self.street.houses[1 - house]

    def _untouched(self, theirs: House) -> None:
        """All that it has is as it was."""
        now = self.street.look(theirs)
        assert theirs.seen == now, parting(theirs.seen, now)

    def _silent(self, said: str, ours: House, theirs: House, role: Role) -> None:
        """Nothing of the other, and for an agent nothing of the mailbox that is not its own."""
        assert theirs.mark not in said
        assert theirs.sealed not in said
        assert not (set(ID.findall(said)) & theirs.told - ours.typed)
        assert role is not Role.AGENT or ours.sealed not in said

    def teardown(self) -> None:
        """Everything is closed."""
        if hasattr(self, "street"):
            self.street.close()


def parting(first: str, second: str) -> tuple[str, str]:
    """Where two texts are no longer the same."""
    parted = (at for at, (one, other) in enumerate(zip(first, second, strict=False)) if one != other)
    at = max(0, next(parted, min(len(first), len(second))) - 60)
    return first[at : at + 160], second[at : at + 160]


@cache
def _keys() -> tuple[DkimKey, ...]:
    made = (dkim.generate_rsa("z.example", "rnew"), dkim.generate_ed25519("z.example", "enew"))
    return tuple(DkimKey(k.selector, k.algorithm.value, k.pem().decode(), dkim.dns_record(k)) for k in made)


@pytest.fixture(autouse=True, scope="module")
def ready_keys() -> Iterator[None]:
    """Keys of new domains that are there already: making them takes longer than everything else that is asked."""

    async def ready(*_: Any) -> tuple[DkimKey, ...]:
        return _keys()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(domains, "make_keys", ready)
        yield


TwoHouses.TestCase.settings = settings(
    max_examples=12, stateful_step_count=12, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
TestTwoHouses = TwoHouses.TestCase
