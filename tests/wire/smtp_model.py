"""What RFC 5321 lets a client say when, as a few lines: the model that test_smtp_machine.py holds the session against.

Standards: RFC 5321 §4.1.4 (order), §4.3.2 (which codes answer which command), RFC 2920 §3.1 (what ends a group), RFC 3030 §2,
RFC 3207 §4.2, RFC 4954 §4. It parses nothing: whoever makes up a command says what it means.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mailwright.wire.smtp_server import Options

# RFC 5321 §4.3.2, with 500 and 501 (any command may be answered so), and what extensions add.
YES = {
    "EHLO": {250}, "HELO": {250}, "MAIL": {250}, "RCPT": {250, 251}, "DATA": {354}, "BDAT": {250}, "TEXT": {250},
    "RSET": {250}, "NOOP": {250}, "HELP": {211, 214}, "VRFY": {250, 251, 252}, "QUIT": {221}, "STARTTLS": {220},
    "AUTH": {235, 334},
}  # fmt: skip
NO = {
    "EHLO": {502, 504, 550}, "HELO": {502, 504, 550}, "RSET": set(), "NOOP": set(), "HELP": {502, 504}, "QUIT": set(),
    "MAIL": {450, 451, 452, 455, 503, 530, 550, 552, 553, 555}, "RCPT": {450, 451, 452, 455, 503, 550, 551, 552, 553, 555},
    "DATA": {450, 451, 452, 503, 554}, "BDAT": {450, 451, 452, 503, 550, 552, 554}, "TEXT": {450, 451, 452, 550, 552, 554},
    "VRFY": {502, 504, 550, 551, 553}, "EXPN": {502, 504, 550}, "STARTTLS": {502, 503}, "AUTH": {502, 503, 504, 535, 538},
    "": {502},
}  # fmt: skip
LAST_IN_GROUP = {"EHLO", "HELO", "DATA", "AUTH", "STARTTLS"}
IDLE = {"EHLO", "HELO", "RSET", "NOOP", "HELP", "VRFY", "EXPN"}


@dataclass(frozen=True)
class Said:
    """Something a client says, and what it means.

    `verb` is "" for what is no command, TEXT for a message after DATA. `good`: the argument may be accepted. `refused`: the
    face will say no. `fatal`: the two ends can't agree on what it was. `plain`: it needs no extension.
    """

    wire: bytes
    verb: str = ""
    good: bool = True
    refused: bool = False
    fatal: bool = False
    plain: bool = True
    path: str = ""
    text: bytes = b""
    last: bool = False

    def __repr__(self) -> str:
        return f"Said({self.wire[:70]!r}{'...' if len(self.wire) > 70 else ''})"

    @property
    def line(self) -> int:
        """Octets of the command line."""
        return len(self.wire) - len(self.text) if self.verb == "BDAT" else len(self.wire)


@dataclass(frozen=True)
class Expected:
    """What may be answered: one reply with one of these codes; and whether the session is over then."""

    codes: frozenset[int]
    over: bool = False


@dataclass
class Model:
    """A session as the standards have it."""

    options: Options
    phase: str = "new"  # idle, mail, rcpt, chunked; data, auth, handshake; over
    esmtp: bool = False
    tls: bool = False
    known: bool = False  # who the client is
    mail_from: str = ""
    recipients: list[str] = field(default_factory=list)
    tried: int = 0
    held: bytes = b""  # of a message in chunks
    passed: int = 0  # octets of it that are known to be text
    doomed: bool = False  # the message that is coming can't be accepted
    disk_full: bool = False
    accepted: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    begun: int = 0
    idle: int = 0
    negative: int = 0
    logins: int = 0

    def hear(self, said: Said, alone: bool) -> Expected:
        """What comes of it; `alone`: nothing else had come when its line was read."""
        if said.fatal:
            return self._over(521, 554)
        if said.verb == "TEXT":
            return self._end_of_message(said, said.text, said.last)
        if said.verb and not alone and (said.verb in LAST_IN_GROUP or not self.esmtp):
            return self._over(554)
        if said.verb in IDLE:
            self.idle += 1
            if self.idle > self.options.max_idle_commands:
                return self._over(421)
        return getattr(self, "_" + said.verb.lower(), self._other)(said)

    def lost(self) -> None:
        """The connection is gone."""
        self.phase = "over"

    def shaken(self) -> None:
        """The handshake is done: everything that was said before is void (RFC 3207 §4.2)."""
        self.phase, self.tls, self.esmtp = "new", True, False

    # --- the commands ------------------------------------------------------------

    def _other(self, said: Said) -> Expected:
        return self._yes(said) if said.good and said.verb in YES else self._no(said)

    def _ehlo(self, said: Said) -> Expected:
        if not said.good:
            return self._no(said)
        self.esmtp = said.verb == "EHLO"
        self._forget("idle")
        return self._yes(said)

    _helo = _ehlo

    def _rset(self, said: Said) -> Expected:
        if not said.good:
            return self._no(said)
        self._forget("new" if self.phase == "new" else "idle")
        return self._yes(said)

    def _mail(self, said: Said) -> Expected:
        if self.phase == "idle" and self.begun >= self.options.max_messages and self._let_in():
            return self._over(421)
        if self.phase != "idle" or not self._let_in() or not said.good or not (self.esmtp or said.plain) or said.refused:
            return self._no(said)
        self.phase, self.mail_from = "mail", said.path
        self.begun += 1
        return self._yes(said)

    def _let_in(self) -> bool:
        return (self.tls or not self.options.tls_required) and (self.known or not self.options.auth_required)

    def _rcpt(self, said: Said) -> Expected:
        legal = self.phase in ("mail", "rcpt")
        good = legal and said.good and (self.esmtp or said.plain) and self.tried < self.options.max_recipients
        self.tried += legal
        if not good or said.refused:
            return self._no(said)
        self.phase = "rcpt"
        self.recipients.append(said.path)
        return self._yes(said)

    def _data(self, said: Said) -> Expected:
        if self.phase != "rcpt" or not said.good or self.mail_from.startswith("nodata"):
            return self._no(said)
        self.phase = "data"
        return self._yes(said)

    def _bdat(self, said: Said) -> Expected:
        if len(said.text) > 2 * self.options.max_size:
            return self._over(552)
        if self.phase not in ("rcpt", "chunked"):
            return self._no(said)
        if self.phase == "rcpt":
            self.doomed = self.mail_from.startswith("nodata")
        self.held += said.text
        self.phase = "chunked"
        return self._end_of_message(said, self.held, said.last)

    def _starttls(self, said: Said) -> Expected:
        if self.phase != "idle" or self.tls or not self.options.starttls or not said.good:
            return self._no(said)
        self.phase = "handshake"
        return self._yes(said)

    def _auth(self, said: Said) -> Expected:
        if self.phase == "auth":
            return self._login(said)
        offered = self.options.auth_mechanisms and self.esmtp and self.tls
        if self.phase != "idle" or not offered or self.known or not said.good:
            return self._no(said)
        if said.text:
            return self._login(said)
        self.phase = "auth"
        return Expected(frozenset([334]))

    def _login(self, said: Said) -> Expected:
        self.phase = "idle"
        self.known = said.good and not said.refused
        if self.known:
            return Expected(frozenset([235]))
        self.logins += said.good
        return self._over(421) if self.logins >= self.options.max_failed_logins else self._no(said)

    def _quit(self, said: Said) -> Expected:
        return self._over(221) if said.good else self._no(said)

    # --- a message ------------------------------------------------------------

    def _end_of_message(self, said: Said, text: bytes, last: bool) -> Expected:
        known = text if last or not text.endswith(b"\r") else text[:-1]
        if self._smuggles(text, last):
            return self._over(521, 552)
        if len(known) > 2 * self.options.max_size:
            return self._over(552)
        lines = known.split(b"\r\n")
        bad = len(known) > self.options.max_size or any(len(line) + 2 > self.options.max_text_line for line in lines[:-1])
        bad |= len(lines[-1]) > self.options.max_text_line
        more, self.passed = len(known) > self.passed, len(known)
        if bad or self.doomed or (self.disk_full and more) or (last and b"X-Refuse" in text):
            self._forget("idle")
            return self._no(said)
        if last:
            self.accepted.append((self.mail_from, self.recipients[:], text))
            self.idle = 0
            self._forget("idle")
        return self._yes(said)

    def _smuggles(self, text: bytes, last: bool) -> bool:
        """RFC 5321 §2.3.8: CR and LF come together only; NUL is text nowhere."""
        rest = text.replace(b"\r\n", b"")
        if not last and rest.endswith(b"\r") and text.endswith(b"\r"):
            rest = rest[:-1]
        return any(octet in rest for octet in b"\r\n\0")

    # --- what is said ------------------------------------------------------------

    def _forget(self, phase: str) -> None:
        self.phase, self.mail_from, self.recipients, self.tried = phase, "", [], 0
        self.held, self.passed, self.doomed = b"", 0, False

    def _yes(self, said: Said) -> Expected:
        return Expected(frozenset(YES[said.verb]))

    def _no(self, said: Said) -> Expected:
        self.negative += 1
        codes = {500, 501, 503, 554} | NO[said.verb]
        # Deviates from one reply of one kind: a client that errs too often is sent away with 421 (RFC 5321 §3.8).
        if self.negative > self.options.max_errors:
            codes.add(421)
        return Expected(frozenset(codes))

    def _over(self, *codes: int) -> Expected:
        self.phase = "over"
        return Expected(frozenset(codes), over=True)
