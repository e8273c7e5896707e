"""One SMTP session: the engine over the table in states.py.

`for event in session.receive_data(octets)` is lazy: each event is handled before the next octet is looked at, and one that
wants a decision (events.DECISIONS) is answered in the loop, or RuntimeError. Whatever a client sends, nothing is raised;
at most one command line is kept. After `Closed`, send `bytes_to_send()` and close.
Not here: the words (grammar.py), the answers to commands (commands.py), the message (incoming.py), time (the face).
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Iterator

from mailwright.wire.lines import LineBuffer, LineDefect
from mailwright.wire.smtp_server import commands, grammar, replies
from mailwright.wire.smtp_server.commands import Ending, Facts, Options
from mailwright.wire.smtp_server.content import ContentDefect
from mailwright.wire.smtp_server.events import (
    DECISIONS,
    Auth,
    AuthCancelled,
    AuthResponse,
    Closed,
    DataStarted,
    Event,
    Hello,
    MailFrom,
    MessageAborted,
    MessageEnd,
    RcptTo,
    Reset,
    StartTls,
    Why,
)
from mailwright.wire.smtp_server.incoming import SMUGGLED, Incoming, Progress
from mailwright.wire.smtp_server.replies import Reply
from mailwright.wire.smtp_server.states import LAST_IN_GROUP, TRANSITIONS, WAITING, State, Verb

_IDLE = frozenset([Verb.NOOP, Verb.HELP, Verb.RSET, Verb.VRFY, Verb.EXPN, Verb.EHLO, Verb.HELO])
_OUT_OF_STEP = Ending(replies.OUT_OF_STEP, Why.OUT_OF_STEP)
_NOT_SMTP = Ending(replies.NOT_SMTP, Why.NOT_SMTP)


class Session:
    """See the module. `tls`: the connection was encrypted from its first octet (RFC 8314)."""

    def __init__(self, options: Options, *, tls: bool = False) -> None:
        self.options = options
        self.why: Why | None = None  # it is over; None while it is not
        self._facts = Facts(tls)
        self._input = LineBuffer()
        self._output: list[bytes] = []
        self._ready: deque[Event] = deque()
        self._pending: Event | None = None
        self._running: Iterator[Event] | None = None
        self._drain: Reply | None = None
        self._incoming: Incoming | None = None
        self._then: Callable[[Incoming], None] | None = None  # what follows once the last Chunk is handled
        self._left, self._last = 0, False  # of the BDAT chunk: octets to come; whether it is the last one
        self._stray: tuple[Reply, State] | None = None  # a chunk out of order: what to say after it, and where to go on

    # --- what the shell calls ------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._facts.state

    @property
    def tls(self) -> bool:
        """True where the connection is encrypted."""
        return self._facts.tls

    @property
    def authenticated(self) -> bool:
        """True after a successful AUTH."""
        return self._facts.authenticated

    @property
    def closed(self) -> bool:
        """True once the session is over."""
        return self._facts.state is State.CLOSED

    @property
    def verdict(self) -> Reply | None:
        """With what the message that is coming in will be refused; None while all is well."""
        return self._incoming.verdict if self._incoming is not None else None

    @property
    def held(self) -> int:
        """Octets received and not looked at yet."""
        return len(self._input)

    def greet(self, text: str = "ESMTP") -> None:
        """Say 220. A client that talks before has not understood the protocol (S4)."""
        if self.state is not State.SILENT:
            raise RuntimeError("greeted before, or closed")
        self._facts.state = State.GREETED
        self._say(Reply(220, None, f"{self.options.hostname} {text}"))

    def receive_data(self, octets: bytes) -> Iterator[Event]:
        """Take octets from the client; the events they make. An iteration left half done goes on with the next."""
        if not self.closed:
            self._input.feed(octets)
        if self._running is None:
            self._running = self._run()
        return self._running

    def receive_eof(self) -> Iterator[Event]:
        """The client is gone: what is unfinished is void."""
        self._pending = None
        if not self.closed:
            self._end(Why.EOF)
        return self.receive_data(b"")

    def bytes_to_send(self) -> bytes:
        """What is to be sent now, b"" for nothing; each octet is given once."""
        output = b"".join(self._output)
        self._output.clear()
        return output

    def accept(self, text: str = "") -> None:
        """Say yes to the pending event; `text` replaces the sentence in the reply."""
        event, facts = self._decide(), self._facts
        match event:
            case MailFrom():
                facts.transaction = event
                facts.messages += 1
                self._proceed(Verb.MAIL, replies.MAIL_OK, text)
            case RcptTo():
                facts.recipients += 1
                self._proceed(Verb.RCPT, replies.RCPT_OK, text)
            case DataStarted(chunked=False):
                self._incoming = Incoming(self.options)
                self._proceed(Verb.DATA, replies.GO_AHEAD, text)
            case MessageEnd(size):
                facts.idle = 0
                self._finish(Reply(250, "2.0.0", text or f"{size} octets accepted"))
            case Auth() | AuthResponse():
                facts.authenticated = True
                facts.state = State.READY
                self._say(replies.AUTHENTICATED)

    def refuse(self, reply: Reply) -> None:
        """Say no to the pending event. A reply of 421 or 521 ends the session as well."""
        event = self._decide()
        if reply.code in (421, 521):
            self._close(Ending(reply, Why.SERVER))
            return
        match event:
            case DataStarted(chunked=True) if self._incoming is not None:
                self._incoming.abandon(reply)
            case MessageEnd():
                self._finish(reply)
            case Auth() | AuthResponse():
                self._fail_login(reply)
            case _:
                self._facts.refused += isinstance(event, RcptTo)
                self._say(reply)

    def challenge(self, challenge: bytes) -> None:
        """Ask the client for its next SASL message (RFC 4954 §4), as the answer to Auth or AuthResponse."""
        if not isinstance(self._decide(), Auth | AuthResponse):
            raise RuntimeError("only an authentication is answered with a challenge")
        self._output.append(b"334 " + base64.b64encode(challenge) + b"\r\n")

    def abandon(self, reply: Reply) -> None:
        """Refuse the message that is coming in (the disk is full, say): the rest is dropped, then `reply` is said."""
        if self._incoming is not None and self._incoming.abandon(reply):
            self._tell(MessageAborted())

    def tls_started(self) -> None:
        """The handshake is done: all that was learned before is void (RFC 3207 §4.2)."""
        if self.state is not State.HANDSHAKE:
            raise RuntimeError("there was no STARTTLS")
        if self._input:
            # CVE-2011-0411: this came in the clear, and would be read as if it had been encrypted.
            self._close(_OUT_OF_STEP)
            return
        self._facts.tls = True
        self._facts.state = State.GREETED
        self._facts.esmtp = False

    def drain(self, reply: Reply) -> None:
        """End the session in good order: not inside a message, nor while anything else is decided.

        A client that stands in an envelope is not waited for: all that it could hear to its next command is this reply.
        Takes effect with the next `receive_data`, of b"" as well.
        """
        self._drain = reply

    def hang_up(self, reply: Reply) -> None:
        """Say `reply` and end the session, whatever is going on."""
        if not self.closed:
            self._pending = None
            self._close(Ending(reply, Why.SERVER))

    # --- the engine ------------------------------------------------------------

    def _run(self) -> Iterator[Event]:
        ready = self._ready
        while ready or self._advance():
            while ready:
                event = ready.popleft()
                self._pending = event if type(event) in DECISIONS else None
                yield event
                if self._pending is not None:
                    raise RuntimeError(f"{type(event).__name__} was not answered")
        self._running = None

    def _advance(self) -> bool:
        """Take one step; False if there is nothing to do before more octets come."""
        state, then = self._facts.state, self._then
        if then is not None and self._incoming is not None:
            self._then = None
            then(self._incoming)
            return True
        if state is State.CHUNK:
            return self._in_chunk()
        if not self._input:
            if self._drain is None or state not in WAITING:
                return False
            self._close(Ending(self._drain, Why.SERVER))
        elif state is State.DATA:
            self._in_data()
        elif state is State.SILENT or state is State.HANDSHAKE:
            # RFC 5321 §3.1 before the greeting; RFC 3207 §4.2 (CVE-2011-0411) before TLS.
            self._close(_OUT_OF_STEP)
        else:
            return self._in_line(state)
        return True

    def _in_line(self, state: State) -> bool:
        line = self._input.take_line(grammar.AUTH_LINE)
        if line is None:
            return False
        if isinstance(line, LineDefect):
            self._bad_line(line)
        elif self._drain is not None:
            # RFC 5321 §3.8: 421 may answer any command.
            self._close(Ending(self._drain, Why.SERVER))
        elif state is State.AUTH:
            self._in_auth(line)
        else:
            self._in_command(state, line)
        return True

    def _bad_line(self, defect: LineDefect) -> None:
        if defect is not LineDefect.TOO_LONG:
            self._close(SMUGGLED[ContentDefect(defect.value)])
        elif self.state is State.AUTH:
            self._cancel(replies.AUTH_TOO_LONG)
        else:
            self._fault(replies.LINE_TOO_LONG)

    def _in_command(self, state: State, line: bytes) -> None:
        facts = self._facts
        command = grammar.read_verb(line)
        if isinstance(command, Reply):
            self._close(_NOT_SMTP) if command is replies.NOT_SMTP else self._fault(command)
            return
        verb, argument = command
        if self._input and (verb in LAST_IN_GROUP or not facts.esmtp):
            # RFC 2920 §3.1; S4, S5: the client did not wait, so what it sent was meant for another reader.
            self._close(_OUT_OF_STEP)
        elif verb is Verb.BDAT:
            self._begin_chunk(argument)
        elif (state, verb) in TRANSITIONS:
            self._do(verb, commands.JUDGES[verb](facts, self.options, argument))
        else:
            self._do(verb, commands.out_of_order(facts, verb))

    def _do(self, verb: Verb, outcome: commands.Outcome) -> None:
        """Carry out what was decided on a command."""
        facts = self._facts
        if verb in _IDLE:
            facts.idle += 1
            if facts.idle > self.options.max_idle_commands:
                outcome = Ending(replies.TOO_MANY_COMMANDS, Why.ERRORS)
        match outcome:
            case Ending():
                self._close(outcome)
            case Reply(code) if code >= 500:
                facts.refused += verb is Verb.RCPT and facts.transaction is not None
                self._fault(outcome)
            case Reply(code) if code >= 400:
                self._say(outcome)
            case Reply():
                if verb is Verb.RSET:
                    self._drop_transaction()
                self._proceed(verb, outcome)
            case Hello(_, esmtp):
                facts.esmtp = esmtp
                self._drop_transaction()
                lines = [self.options.hostname, *(commands.offers(facts, self.options) if esmtp else ())]
                self._proceed(verb, Reply(250, None, "\n".join(lines)))
                self._tell(outcome)
            case StartTls():
                self._proceed(verb, replies.READY_FOR_TLS)
                self._tell(outcome)
            case Auth():
                facts.state = State.AUTH
                self._tell(outcome)
            case _:
                self._tell(outcome)

    # --- AUTH ------------------------------------------------------------

    def _in_auth(self, line: bytes) -> None:
        response = grammar.read_base64(line)
        if self._input:
            self._close(_OUT_OF_STEP)
        elif line == b"*":
            self._cancel(replies.AUTH_CANCELLED)
        elif response is None:
            self._cancel(replies.AUTH_NOT_BASE64)
        else:
            self._tell(AuthResponse(response))

    def _cancel(self, reply: Reply) -> None:
        self._facts.state = State.READY
        self._tell(AuthCancelled())
        self._fault(reply)

    def _fail_login(self, reply: Reply) -> None:
        facts = self._facts
        facts.state = State.READY
        facts.failed_logins += 1
        if facts.failed_logins >= self.options.max_failed_logins:
            self._close(Ending(replies.TOO_MANY_LOGINS, Why.ERRORS))
        else:
            self._fault(reply)

    # --- the message ------------------------------------------------------------

    def _in_data(self) -> None:
        assert self._incoming is not None
        progress, rest = self._incoming.data(self._input.take_up_to())
        if self._report(progress) and rest is not None:
            self._input.feed(rest)
            self._then = self._complete

    def _begin_chunk(self, argument: str) -> None:
        facts = self._facts
        chunk = grammar.read_bdat(argument)
        # A chunk of unknown length can't be stepped over: what is in it would be read as commands.
        if chunk is None:
            self._close(Ending(replies.BAD_CHUNK_SIZE, Why.OUT_OF_STEP))
            return
        if chunk[0] > 2 * self.options.max_size:
            self._close(Ending(replies.TOO_BIG, Why.TOO_BIG))
            return
        self._left, self._last = chunk
        following = TRANSITIONS.get((facts.state, Verb.BDAT))
        if following is None:
            # RFC 3030 §2: the octets of a refused chunk are read and dropped; then the reply is sent.
            self._stray = commands.out_of_order(facts, Verb.BDAT), facts.state
        elif facts.state is State.RCPT:
            self._incoming = Incoming(self.options)
            self._tell(DataStarted(chunked=True))
        facts.state = State.CHUNK

    def _in_chunk(self) -> bool:
        block = self._input.take_up_to(self._left)
        if not block and self._left:
            return False
        self._left -= len(block)
        if self._stray is not None:
            self._end_stray(*self._stray)
        elif self._incoming is not None:
            last = self._last and not self._left
            if self._report(self._incoming.chunk(block, last)) and not self._left:
                self._then = self._complete if last else self._end_chunk
        return True

    def _end_stray(self, reply: Reply, state: State) -> None:
        if not self._left:
            self._stray = None
            self._facts.state = state
            self._fault(reply)

    def _end_chunk(self, incoming: Incoming) -> None:
        if incoming.verdict is not None:
            self._finish(incoming.verdict)
        else:
            self._facts.state = State.CHUNKED
            self._say(replies.CHUNK_OK)

    def _report(self, progress: Progress) -> bool:
        """Pass on what came of the next octets; False if it ends the session."""
        if isinstance(progress, Ending):
            self._close(progress)
            return False
        if progress is not None:
            self._tell(progress)
        return True

    def _complete(self, incoming: Incoming) -> None:
        end = incoming.end()
        if isinstance(end, Reply):
            self._finish(end)
        else:
            self._tell(end)

    def _finish(self, reply: Reply) -> None:
        """Answer the whole message: the transaction is over."""
        self._facts.state = State.READY
        self._facts.forget_transaction()
        self._incoming = None
        self._say(reply)

    # --- small parts ------------------------------------------------------------

    def _decide(self) -> Event:
        event, self._pending = self._pending, None
        if event is None:
            raise RuntimeError("nothing waits for a decision")
        return event

    def _proceed(self, verb: Verb, reply: Reply, text: str = "") -> None:
        self._facts.state = TRANSITIONS[self._facts.state, verb]
        self._say(Reply(reply.code, reply.enhanced, text) if text else reply)

    def _drop_transaction(self) -> None:
        if self._facts.transaction is not None:
            self._tell(Reset())
        self._facts.forget_transaction()
        self._incoming = None

    def _tell(self, event: Event) -> None:
        self._ready.append(event)

    def _say(self, reply: Reply) -> None:
        self._output.append(reply.render())

    def _fault(self, reply: Reply) -> None:
        self._facts.errors += 1
        if self._facts.errors > self.options.max_errors:
            self._close(Ending(replies.TOO_MANY_ERRORS, Why.ERRORS))
        else:
            self._say(reply)

    def _close(self, ending: Ending) -> None:
        self._say(ending.reply)
        self._end(ending.why)

    def _end(self, why: Why) -> None:
        self._facts.state = State.CLOSED
        self.why = why
        self._then = None
        self._input.clear()
        self._ready.clear()
        self._tell(Closed(why))
