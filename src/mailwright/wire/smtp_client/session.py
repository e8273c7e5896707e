"""One connection to an SMTP server, seen from the client, without the socket.

Feed `receive_data` and send what `bytes_to_send` gives until it gives nothing; `begin` starts a transaction on a READY
session, `Finished` ends it, and the next may begin. Legal moves stand in states.py, command lines in commands.py.
Standards: RFC 5321, 2920, 3030, 3207, 4954; I6, S2, S5, S28.
Promises: no input from the peer raises; a recipient gets exactly one outcome; `Unknown` only after the end of the message
was handed out and before a reply to it. Not here: sockets, time-outs, which host (net/courier).
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Iterator

from mailwright.mail.outcomes import Deferred, Delivered, Outcome, Rejected, Unknown
from mailwright.wire.smtp_client import commands
from mailwright.wire.smtp_client.capabilities import NOTHING, parse_capabilities
from mailwright.wire.smtp_client.commands import Credentials, Transaction
from mailwright.wire.smtp_client.content import CHUNK, Shape, pieces, shape, stuffed
from mailwright.wire.smtp_client.demands import refusals
from mailwright.wire.smtp_client.events import Closed, Event, Finished, Options, Ready, StartTls, Tls, Unready
from mailwright.wire.smtp_client.replies import Garbled, Replies, Reply
from mailwright.wire.smtp_client.states import TRANSITIONS, Cue, State, Verb
from mailwright.wire.smtp_client.transcript import Transcript


class _Deal:
    """The transaction under way."""

    __slots__ = ("content_begun", "outcomes", "plan", "transaction", "waiting")

    def __init__(self, transaction: Transaction, outcomes: list[Outcome | None]) -> None:
        self.transaction = transaction
        self.outcomes = outcomes
        self.waiting = 0  # recipients the peer has accepted so far
        self.content_begun = False
        self.plan: deque[tuple[Verb, int, bytes]] = deque()  # what is still to be said, one step at a time

    def settle(self, outcome: Outcome) -> None:
        """Give the outcome to everybody who has none yet."""
        self.outcomes = [known or outcome for known in self.outcomes]
        self.waiting = 0


class Session:
    """The client's end of one SMTP connection."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.state = State.GREETING
        self.capabilities = NOTHING
        self.encrypted = options.encrypted
        self.transactions = 0
        self._replies = Replies()
        self._out: list[bytes] = []
        self._content: Iterator[bytes] | None = None
        self._expected: deque[tuple[Verb, int]] = deque([(Verb.GREETING, 0)])
        self._secrets: deque[bytes] = deque()  # what AUTH still has to send
        self._deal: _Deal | None = None
        self._dirty = False  # a transaction was given up half way: RSET comes before the next
        self._transcript = Transcript()
        self._events: list[Event] = []

    # --- what a driver calls ---------------------------------------------------------------------------------------

    @property
    def transcript(self) -> tuple[str, ...]:
        """What was said since the last transaction began (or since the connection was made)."""
        return self._transcript.lines()

    def note(self, text: str) -> None:
        """Put a fact into the transcript that the protocol does not know: addresses, TLS, what a driver decided."""
        self._transcript.add("*", text)

    def receive_data(self, data: bytes) -> list[Event]:
        """Take what the peer sent (in any cut) and say what happened. Never raises."""
        if self.state is State.HANDSHAKE:
            self._lose("the peer sent plain text where the TLS handshake belongs")
        if self.state is not State.CLOSED:
            self._replies.feed(data)
        while self.state is not State.CLOSED and (reply := self._replies.next()) is not None:
            if isinstance(reply, Garbled):
                self._lose(f"protocol error: {reply.text}")
            else:
                self._on_reply(reply)
            # RFC 3207 §6, S5: what came in plain text behind the 220 would pass as if it had been encrypted.
            if self.state is State.HANDSHAKE and self._replies.pending:
                self._lose("the peer sent plain text behind its reply to STARTTLS")
        return self._take_events()

    def bytes_to_send(self) -> bytes:
        """What is to be sent now; call until it gives b"". Content comes in chunks of about 256 KB."""
        if self._content is None:
            out = b"".join(self._out)
            self._out.clear()
            return out
        parts, size = self._out, 0
        self._out = []
        while size < CHUNK:
            piece = next(self._content, None)
            if piece is None:
                self._content = None
                self._move(Cue.SENT)
                break
            parts.append(piece)
            size += len(piece)
        return b"".join(parts)

    def begin(self, transaction: Transaction) -> list[Event]:
        """Start a transaction on a READY session. The events tell where it is over at once (a peer that can't take it).

        Raises ValueError, before anything is sent, where the message holds a bare CR or LF or an address could not
        stand in a command (S2, S23).
        """
        if self.state is not State.READY:
            raise RuntimeError(f"a transaction begins on a ready session, not in {self.state}")
        measured = shape(transaction.message)
        commands.path(transaction.reverse_path)
        for recipient in transaction.recipients:
            commands.path(recipient.forward_path)
        self._new_transcript()
        self._deal = _Deal(transaction, refusals(transaction, measured, self.capabilities))
        self._move(Cue.BEGIN)
        if None in self._deal.outcomes:
            self._plan(self._deal, measured)
        else:
            self.note("nothing was sent: the peer can't take this message")
            self._finish()
        return self._take_events()

    def tls_started(self, description: str) -> None:
        """The handshake is done; everything the peer said before is forgotten (RFC 3207 §4.2)."""
        self._move(Cue.SECURED)
        self.note(description)
        self.encrypted = True
        self.capabilities = NOTHING
        self._replies = Replies()
        self._say(Verb.EHLO, f"EHLO {self.options.hello_name}\r\n".encode())

    def quit(self) -> None:
        """Take leave of a READY session; in any other state do nothing."""
        if self.state is State.READY:
            self._move(Cue.LEAVE)
            self._say(Verb.QUIT, b"QUIT\r\n")

    def connection_lost(self, reason: str) -> list[Event]:
        """The connection ended, or was given up; safe to call twice. Everybody without an outcome gets one."""
        if self.state is not State.CLOSED:
            self._lose(reason)
        return self._take_events()

    def write_failed(self, reason: str) -> list[Event]:
        """The connection is lost, and nothing of what `bytes_to_send` gave last has left: no end of a message either."""
        if self.state is State.FINAL and self._deal:
            self._deal.settle(Deferred(None, "4.4.2", reason))
        return self.connection_lost(reason)

    # --- moving on -------------------------------------------------------------------------------------------------

    def _move(self, cue: Cue) -> None:
        self.state = TRANSITIONS[self.state][cue]

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _new_transcript(self) -> None:
        self.transactions += 1
        if self.transactions > 1:
            self._transcript = Transcript()
            self.note(f"transaction {self.transactions} on this connection")

    def _say(self, verb: Verb, line: bytes, shown: str | None = None) -> None:
        self._out.append(line)
        self._expected.append((verb, 0))
        self._transcript.add("C:", line[:-2].decode() if shown is None else shown)

    def _lose(self, reason: str, reply: Reply | None = None) -> None:
        # I6: once the end of the message has left, only a reply to it can say whether it arrived.
        unknown = self.state is State.FINAL and reply is None
        was, self._content = self.state, None
        self._out.clear()
        self._expected.clear()
        self._move(Cue.LOST)
        self.note(reason)
        deferred = Deferred(421, reply.enhanced, reply.text) if reply else Deferred(None, "4.4.2", reason)
        if self._deal:
            self._deal.settle(Unknown(reason) if unknown else deferred)
            self._tell_finished()
        elif was not in (State.READY, State.QUIT):
            self._events.append(Unready(deferred, was))
        self._events.append(Closed(reason))

    def _refuse(self, outcome: Deferred | Rejected) -> None:
        self._events.append(Unready(outcome, self.state))
        self._move(Cue.REFUSED)
        self._say(Verb.QUIT, b"QUIT\r\n")

    # --- replies ---------------------------------------------------------------------------------------------------

    def _on_reply(self, reply: Reply) -> None:
        for index, line in enumerate(reply.lines, 1):
            mark = " " if index == len(reply.lines) else "-"
            self._transcript.add("S:", self._hide(f"{reply.code}{mark}{line}"))
        if reply.code == 421 or not self._expected:
            # RFC 5321 §3.8: 421 may answer anything, and the connection ends with it.
            closing = reply.code == 421
            self._lose("the peer closes (421)" if closing else "a reply to nothing", reply if closing else None)
            return
        verb, index = self._expected.popleft()
        if reply.kind == 3 and verb not in (Verb.DATA, Verb.AUTH):
            self._lose(f"protocol error: {reply.code} to {verb}")
            return
        match verb:
            case Verb.GREETING:
                self._on_greeting(reply)
            case Verb.EHLO:
                self._on_ehlo(reply)
            case Verb.HELO:
                self._ready() if reply.kind == 2 else self._refuse(_failure(reply))
            case Verb.STARTTLS:
                self._on_starttls(reply)
            case Verb.AUTH:
                self._on_auth(reply)
            case Verb.QUIT:
                self._lose("the session is over")
            case _:
                assert self._deal
                self._on_transaction(self._deal, verb, index, reply)

    def _hide(self, text: str) -> str:
        """S28: a peer that repeats what AUTH told it must not put it into our records."""
        if self.state is not State.AUTH or self.options.credentials is None:
            return text
        password = self.options.credentials.password
        for secret in (password, base64.b64encode(password.encode()).decode(), _plain(self.options.credentials)):
            text = text.replace(secret, "<redacted>") if secret else text
        return text

    def _on_greeting(self, reply: Reply) -> None:
        if reply.kind == 2:
            self._move(Cue.GREETED)
            self._say(Verb.EHLO, f"EHLO {self.options.hello_name}\r\n".encode())
        else:  # RFC 7504 §3: 521, like 554 (RFC 5321 §3.1), is for ever.
            self._refuse(_failure(reply))

    def _on_ehlo(self, reply: Reply) -> None:
        if reply.kind == 2:
            self.capabilities = parse_capabilities(reply.lines)
            self._after_ehlo()
        elif reply.code in (500, 501, 502) and self.options.tls is Tls.REQUIRED and not self.encrypted:
            self._refuse(_NO_TLS)
        elif reply.code in (500, 501, 502):  # RFC 5321 §3.2: an old server does not know EHLO
            self._move(Cue.NOT_KNOWN)
            self._say(Verb.HELO, f"HELO {self.options.hello_name}\r\n".encode())
        else:
            self._refuse(_failure(reply))

    def _after_ehlo(self) -> None:
        if not self.encrypted and self.capabilities.starttls and self.options.tls is not Tls.NEVER:
            self._move(Cue.SECURE)
            self._say(Verb.STARTTLS, b"STARTTLS\r\n")
        elif not self.encrypted and self.options.tls is Tls.REQUIRED:
            self._refuse(_NO_TLS)
        else:
            self._log_in()

    def _on_starttls(self, reply: Reply) -> None:
        if reply.code == 220:
            self._move(Cue.GO_AHEAD)
            self._events.append(StartTls())
        elif self.options.tls is Tls.REQUIRED:
            self._refuse(Deferred(reply.code, reply.enhanced, reply.text))
        else:
            self._log_in()  # RFC 3207 §4.1: offered, then not available; the client may go on without

    def _log_in(self) -> None:
        credentials = self.options.credentials
        if credentials is None:
            self._ready()
        elif not (self.encrypted or self.options.plaintext_auth):
            self._refuse(Deferred(None, "4.7.11", "credentials are not sent over an unencrypted connection"))
        elif "PLAIN" in self.capabilities.auth:
            self._move(Cue.LOG_IN)
            self._secrets.append(commands.plain(credentials))  # for a peer that ignores the initial response
            self._say(Verb.AUTH, b"AUTH PLAIN " + commands.plain(credentials) + b"\r\n", "AUTH PLAIN <redacted>")
        elif "LOGIN" in self.capabilities.auth:
            self._move(Cue.LOG_IN)
            self._secrets += [base64.b64encode(w.encode()) for w in (credentials.username, credentials.password)]
            self._say(Verb.AUTH, b"AUTH LOGIN\r\n")
        else:
            self._refuse(Deferred(None, "4.7.4", "the peer offers neither AUTH PLAIN nor AUTH LOGIN"))

    def _on_auth(self, reply: Reply) -> None:
        if reply.code == 334 and self._secrets:
            self._say(Verb.AUTH, self._secrets.popleft() + b"\r\n", "<redacted>")
        elif reply.kind == 2:
            self._secrets.clear()
            self._ready()
        elif reply.kind == 3:
            self._lose(f"protocol error: {reply.code} to AUTH")
        else:  # A wrong password is ours to mend, and no fault of the message: it waits.
            self._refuse(Deferred(reply.code, reply.enhanced, self._hide(reply.text)))

    def _ready(self) -> None:
        self._move(Cue.READY)
        self._events.append(Ready(self.capabilities))

    # --- one transaction -------------------------------------------------------------------------------------------

    def _plan(self, deal: _Deal, measured: Shape) -> None:
        peer, transaction = self.capabilities, deal.transaction
        paths = [transaction.reverse_path, *(r.forward_path for r in transaction.recipients)]
        wanted = transaction.smtputf8 or measured.eight_bit_header or not all(path.isascii() for path in paths)
        if self._dirty:
            deal.plan.append((Verb.RSET, 0, b"RSET\r\n"))
        deal.plan.append((Verb.MAIL, 0, commands.mail(transaction, measured, peer, smtputf8=wanted and peer.smtputf8)))
        for index, recipient in enumerate(transaction.recipients):
            if deal.outcomes[index] is None:
                deal.plan.append((Verb.RCPT, index, commands.rcpt(recipient, peer)))
        self._dirty = True
        if peer.pipelining:
            # RFC 2920 §3.1: MAIL, RCPT and DATA may go as one group, DATA as its last. BDAT waits for the replies: what
            # follows it at once is the message, which must not leave before somebody wants it (I6).
            if not self._bdat:
                deal.plan.append((Verb.DATA, 0, b"DATA\r\n"))
            while deal.plan:
                self._step(deal)
        else:
            self._step(deal)

    @property
    def _bdat(self) -> bool:
        return self.capabilities.chunking and self.options.chunking

    def _step(self, deal: _Deal) -> None:
        verb, index, line = deal.plan.popleft()
        self._out.append(line)
        self._expected.append((verb, index))
        self._transcript.add("C:", line[:-2].decode())

    def _on_transaction(self, deal: _Deal, verb: Verb, index: int, reply: Reply) -> None:
        match verb:
            case Verb.RSET if reply.kind != 2:
                self._lose(f"protocol error: {reply.code} to RSET")
                return
            case Verb.MAIL if reply.kind != 2:
                deal.settle(_failure(reply))
                deal.plan.clear()
            case Verb.RCPT if deal.outcomes[index] is None:
                if reply.kind == 2:
                    deal.waiting += 1
                else:
                    deal.outcomes[index] = _rcpt_failure(reply)
            case Verb.DATA:
                self._on_data(deal, reply)
                return
            case Verb.END:
                self._on_end(deal, reply)
                return
            case Verb.EMPTY_END:
                self._dirty = False
        if deal.plan and not self._expected:
            self._step(deal)
        elif not self._expected:
            self._envelope_answered(deal)

    def _envelope_answered(self, deal: _Deal) -> None:
        if not deal.waiting:
            self._finish()
        elif self._bdat:
            size = sum(map(len, deal.transaction.message))
            self._send_content(deal, pieces(deal.transaction.message), b"BDAT %d LAST\r\n" % size)
        else:
            deal.plan.append((Verb.DATA, 0, b"DATA\r\n"))
            self._step(deal)

    def _on_data(self, deal: _Deal, reply: Reply) -> None:
        if reply.kind == 3 and deal.waiting:
            self._send_content(deal, stuffed(deal.transaction.message), b"")
        elif reply.kind == 3:
            # RFC 2920 §3.1: nobody is left to receive it, so the message that DATA opened is ended empty.
            self._say(Verb.EMPTY_END, b".\r\n", "<0 bytes>")
        elif reply.kind == 2:
            self._lose(f"protocol error: {reply.code} to DATA")
        else:
            deal.settle(_failure(reply))
            self._finish()

    def _send_content(self, deal: _Deal, content: Iterator[bytes], command: bytes) -> None:
        self._move(Cue.GO_AHEAD)
        deal.content_begun = True
        self._content = content
        self._expected.append((Verb.END, 0))
        if command:
            self._out.append(command)
            self._transcript.add("C:", command[:-2].decode())
        self._transcript.add("C:", f"<{sum(map(len, deal.transaction.message))} bytes>")

    def _on_end(self, deal: _Deal, reply: Reply) -> None:
        if self.state is State.CONTENT:
            # An answer before the end: the message was not taken whole, whatever the answer says.
            early = Deferred(None, "4.5.0", f"the peer answered {reply.code} before the end of the message")
            deal.settle(early if reply.kind == 2 else _failure(reply))
            self._lose(early.text)
            return
        self._dirty = False  # RFC 5321 §4.1.1.4: the end of data empties the buffers, whatever the reply
        deal.settle(Delivered(reply.code, reply.enhanced, reply.text) if reply.kind == 2 else _failure(reply))
        self._finish()

    def _finish(self) -> None:
        self._move(Cue.DONE)
        self._tell_finished()

    def _tell_finished(self) -> None:
        deal, self._deal = self._deal, None
        assert deal
        outcomes = tuple(outcome for outcome in deal.outcomes if outcome is not None)
        self._events.append(Finished(outcomes, self._transcript.lines(), deal.content_begun))


_NO_TLS = Deferred(None, "4.7.10", "the peer does not offer STARTTLS, and TLS is required")


def _failure(reply: Reply) -> Deferred | Rejected:
    return (Rejected if reply.kind == 5 else Deferred)(reply.code, reply.enhanced, reply.text)


def _rcpt_failure(reply: Reply) -> Deferred | Rejected:
    # RFC 5321 §4.5.3.1.10: a bare 552 to RCPT means "too many recipients": the others may be sent another time.
    if reply.code == 552 and reply.enhanced in (None, "5.5.3"):
        return Deferred(reply.code, reply.enhanced, reply.text)
    return _failure(reply)


def _plain(credentials: Credentials) -> str:
    return commands.plain(credentials).decode()
