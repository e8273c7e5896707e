"""Any client at all: every command in every order, at once or one by one, cut anyhow, and the line may break at any moment.

What must be answered says smtp_model.py, which knows the standards and none of the session's code.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from itertools import pairwise

import pytest
import smtp_words as words
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from smtp_face import Face
from smtp_model import LAST_IN_GROUP, Expected, Model, Said
from smtp_words import chunk, command, message

from mailwright.wire.smtp_server import Options, Reply, Session

pytestmark = pytest.mark.timeout(120)

LIMITS = {
    "max_size": 300,
    "max_recipients": 3,
    "max_messages": 3,
    "max_errors": 8,
    "max_idle_commands": 12,
    "max_text_line": 80,
}
SELDOM = st.sampled_from([False, False, False, True])
FLAGS = dict.fromkeys(("starttls", "tls_required", "auth_required"), SELDOM)
MOST_HELD = 12288  # one line of the longest kind


class AnyClient(RuleBasedStateMachine):
    """What a client may do, and what must come of it."""

    @initialize(flags=st.fixed_dictionaries(FLAGS), tls=st.booleans(), auth=st.booleans(), hello=st.booleans())
    def connect(self, flags: dict[str, bool], tls: bool, auth: bool, hello: bool) -> None:
        options = Options(**LIMITS, **flags, auth_mechanisms=("PLAIN",) if auth else ())  # type: ignore[arg-type]
        self.face, self.model = Face(options, tls), Model(options, tls=tls)
        self.waiting: list[Said] = []
        self.faults = 0
        self.face.session.greet()
        assert [220] == self.face.take(())
        if hello:
            self.waiting.append(command("EHLO", "client.example"))
            self._send([])

    @precondition(lambda self: self.model.phase == "over")
    @rule()
    def connect_again(self) -> None:
        """What is said to a session that is over is lost on it; then comes the next one."""
        assert [] == self.face.take(self.face.session.receive_data(b"EHLO client.example\r\n"))
        options = self.model.options
        flags = {name: getattr(options, name) for name in FLAGS}
        self.connect(flags, tls=options.tls_required, auth=bool(options.auth_mechanisms), hello=True)

    # --- what is said ------------------------------------------------------------

    @precondition(lambda self: self.model.phase in words.COMMANDS)
    @rule(
        said=st.one_of(
            words.SIMPLE,
            words.SIMPLE,
            words.MAILS,
            words.RCPTS,
            words.HELLOS,
            words.HELO,
            words.LOGINS,
            words.GROUP_ENDS,
            words.FATAL,
        ),
        wait=st.booleans(),
    )
    def say(self, said: Said, wait: bool) -> None:
        """Any command, legal or not, at once or with what comes next."""
        self.waiting.append(said)
        if not wait:
            self._send([])

    @precondition(lambda self: self.model.phase in words.DUE)
    @rule(data=st.data())
    def say_what_is_due(self, data: st.DataObject) -> None:
        """What a client would say now, right or wrong."""
        self._send([])
        if self.model.phase in words.DUE:
            self.waiting.append(data.draw(words.DUE[self.model.phase]))
            self._send([])

    @precondition(lambda self: self.model.phase in words.COMMANDS)
    @rule(mail=words.MAILS, people=st.lists(words.RCPTS, min_size=1, max_size=4), end=words.GROUP_ENDS | st.none())
    def say_an_envelope(self, mail: Said, people: list[Said], end: Said | None) -> None:
        """As one group."""
        self.waiting += [mail, *people, *([end] if end else [])]

    @precondition(lambda self: self.model.phase in words.COMMANDS)
    @rule(text=words.TEXTS, cuts=st.lists(st.integers(0, 300), max_size=3), last=st.booleans())
    def say_chunks(self, text: bytes, cuts: list[int], last: bool) -> None:
        """A message by BDAT, cut anywhere, perhaps without its end."""
        borders = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
        parts = [text[start:end] for start, end in pairwise(borders)]
        self.waiting += [chunk(part, False) for part in parts] + ([chunk(b"", True)] if last else [])

    @precondition(lambda self: self.model.phase == "data" and not self.waiting)
    @rule(text=words.TEXTS)
    def say_the_message(self, text: bytes) -> None:
        self.waiting.append(message(text))

    @precondition(lambda self: self.model.phase in words.COMMANDS)
    @rule(text=words.TEXTS, person=words.RCPTS, chunked=st.booleans(), then=words.SIMPLE | words.MAILS, cuts=words.CUTS)
    def say_all_of_a_message(self, text: bytes, person: Said, chunked: bool, then: Said, cuts: list[int]) -> None:
        """From words.MAIL to its end, and the next command at its heels."""
        self._send([])
        if self.model.phase == "idle":
            self.waiting += [words.MAIL, words.RCPT, person]
            self.waiting += [chunk(text, True), then] if chunked else [command("DATA")]
            self._send(cuts)
        if self.model.phase == "data":
            self.waiting += [message(text), then]
            self._send(cuts)

    # --- how it is sent ------------------------------------------------------------

    @precondition(lambda self: self.waiting)
    @rule(cuts=words.CUTS, step=st.sampled_from([0, 0, 0, 1, 7]))
    def send(self, cuts: list[int], step: int) -> None:
        """What was said goes out, in pieces of any size."""
        size = sum(len(said.wire) for said in self.waiting)
        self._send([*cuts, *(range(step, min(size, 2000), step) if step else ())])

    @precondition(lambda self: self.model.phase in ("data", "rcpt", "chunked"))
    @rule(
        how=st.sampled_from(["lost", "sent away", "impatient", "full", "full", "empty"]),
        text=words.TEXTS,
        at=st.integers(0, 400),
    )
    def go_wrong(self, how: str, text: bytes, at: int) -> None:
        """What a session can't help."""
        self._send([])
        phase = self.model.phase
        if how in ("full", "empty"):
            self.face.disk_full = self.model.disk_full = how == "full"
        elif how == "impatient" and phase == "rcpt":
            self._hurry(text)
        elif how == "sent away" and phase != "over":
            self.face.session.hang_up(Reply(421, "4.3.2", "Going down"))
            assert [421] == self.face.take(self.face.session.receive_data(b""))
            self.model.lost()
        else:
            unfinished = {"data": message(text).wire, "rcpt": chunk(text, True).wire}.get(phase, b"RSET\r\n")
            self.face.take(self.face.session.receive_data(unfinished[: min(at, len(unfinished) - 1)]))
            self.face.take(self.face.session.receive_eof())
            self.model.lost()

    def _hurry(self, text: bytes) -> None:
        """DATA without waiting for 354: what follows must not be read as commands, nor as a message."""
        self.waiting.append(Said(b"DATA\r\n" + message(text).wire, "DATA", fatal=True))
        self._send([])

    @precondition(lambda self: self.model.phase == "handshake")
    @rule(injected=st.sampled_from([b"", b"", b"EHLO evil.example\r\n", b"x"]), in_hand=st.booleans())
    def shake_hands(self, injected: bytes, in_hand: bool) -> None:
        """Plain text before TLS ends the session (CVE-2011-0411)."""
        assert self.face.handshake
        self.face.handshake = False
        events = self.face.session.receive_data(injected)
        if in_hand or not injected:
            self.face.session.tls_started()
        assert ([554] if injected else []) == self.face.take(events)
        self.model.lost() if injected else self.model.shaken()

    def teardown(self) -> None:
        """What was said and not sent goes out at last."""
        if hasattr(self, "face"):
            self._send([])
            assert self.model.accepted == self.face.accepted

    # --- what must come of it ------------------------------------------------------------

    def _send(self, cuts: Sequence[int]) -> None:
        said, self.waiting = self.waiting, []
        octets = b"".join(one.wire for one in said)
        ends: list[tuple[int, Said]] = []
        at = 0
        for one in said:
            ends.append((at + one.line, one))
            at += len(one.wire)
        # A group is cut anywhere but behind what must end a group: there it would be no group.
        never = {end for end, one in ends if one.verb in LAST_IN_GROUP}
        borders = sorted({0, len(octets), *(cut for cut in cuts if cut < len(octets) and cut not in never)})
        got: list[int] = []
        for start, end in pairwise(borders):
            got += self.face.take(self.face.session.receive_data(octets[start:end]))
        for end, one in ends:
            if self.model.phase != "over":
                self._compare(one, self.model.hear(one, end in borders), got)
        assert [] == got, "more replies than commands"

    def _compare(self, said: Said, expected: Expected, got: list[int]) -> None:
        assert got, f"no reply to {said}"
        code = got.pop(0)
        assert code in expected.codes, f"{code} to {said}, expected {sorted(expected.codes)}"
        over = expected.over
        self.faults += code >= 500 and not (over or said.refused or said.verb in ("TEXT", "BDAT"))
        if code == 421:
            self.model.lost()

    @invariant()
    def what_is_accepted_was_sent_for_these_recipients_octet_by_octet(self) -> None:
        if hasattr(self, "face") and not self.waiting:
            assert self.model.accepted == self.face.accepted

    @invariant()
    def the_session_is_over_for_both_or_for_none(self) -> None:
        if hasattr(self, "face"):
            assert (self.model.phase == "over") == self.face.session.closed
            assert self.model.tls == self.face.session.tls
            assert self.model.known == self.face.session.authenticated

    @invariant()
    def little_is_kept(self) -> None:
        if hasattr(self, "face"):
            assert self.face.session.held <= MOST_HELD
            assert octets_within(self.face.session) <= MOST_HELD + 1000

    @invariant()
    def limits_hold(self) -> None:
        if hasattr(self, "face"):
            assert self.faults <= LIMITS["max_errors"]
            assert self.model.begun <= LIMITS["max_messages"]
            assert all(len(people) <= LIMITS["max_recipients"] for _, people, _ in self.face.accepted)
            assert all(len(text) <= LIMITS["max_size"] for _, _, text in self.face.accepted)


def octets_within(session: Session) -> int:
    """How many octets of the client a session holds on to, wherever in it they are."""
    found, seen, left = 0, {id(session)}, [object.__getattribute__(session, "__dict__")]
    while left:
        one = left.pop()
        if isinstance(one, bytes | bytearray):
            found += len(one)
        elif type(one).__module__.startswith("mailwright.wire") or isinstance(one, dict | list):
            fresh = [part for part in gc.get_referents(one) if id(part) not in seen and not isinstance(part, type)]
            seen.update(map(id, fresh))
            left += fresh
    return found


# Without shrinking, which takes minutes, beyond what a test may take: what went wrong is printed as it was found.
AnyClient.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
TestAnyClient = AnyClient.TestCase
