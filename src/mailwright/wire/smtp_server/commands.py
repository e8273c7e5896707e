"""What is the answer to a command? Decided here, without effect; done in session.py.

Standards: RFC 5321 §4.1.1 and §4.5.3.1, RFC 1870 §6, RFC 2920 §3, RFC 3030 §2, RFC 3207 §4, RFC 4954 §4, RFC 8689 §2.
A judge takes what is known (Facts), what is offered (Options) and the argument, and gives an Event that is to happen, a
Reply that is all there is to say, or an Ending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from mailwright.wire.smtp_server import grammar, replies
from mailwright.wire.smtp_server.events import DataStarted, Event, Hello, MailFrom, RcptTo, StartTls, Why
from mailwright.wire.smtp_server.replies import Reply
from mailwright.wire.smtp_server.states import State, Verb


@dataclass(frozen=True, slots=True)
class Options:
    """What a server offers and how much it bears. Sizes in octets."""

    hostname: str = "localhost"
    max_size: int = 50 * 1024 * 1024
    max_recipients: int = 100  # tried in one transaction; RFC 5321 §4.5.3.1.8: no fewer
    max_messages: int = 1000  # begun in one connection
    max_errors: int = 20  # answers of 4xx or 5xx by the session itself
    max_idle_commands: int = 100  # NOOP, RSET and such between two messages
    max_text_line: int = 2048  # with CRLF; RFC 5321 §4.5.3.1.6 asks for 1000
    max_failed_logins: int = 3
    starttls: bool = False
    tls_required: bool = False  # for MAIL
    auth_mechanisms: tuple[str, ...] = ()  # offered under TLS only
    auth_required: bool = False  # for MAIL


@dataclass(slots=True)
class Facts:
    """What a session knows."""

    tls: bool
    state: State = State.SILENT
    esmtp: bool = False
    authenticated: bool = False
    transaction: MailFrom | None = None
    recipients: int = 0  # accepted in this transaction
    refused: int = 0  # refused in this transaction
    messages: int = 0
    errors: int = 0
    idle: int = 0
    failed_logins: int = 0

    def forget_transaction(self) -> None:
        """Back to the time before MAIL."""
        self.transaction = None
        self.recipients = self.refused = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """The session is to end with these words."""

    reply: Reply
    why: Why


Outcome: TypeAlias = Event | Reply | Ending
Judge: TypeAlias = Callable[[Facts, Options, str], Outcome]


def offers(facts: Facts, options: Options) -> Iterator[str]:
    """The lines of the answer to EHLO after the first (RFC 5321 §4.1.1.1)."""
    yield from ("PIPELINING", f"SIZE {options.max_size}", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN")
    yield from ("ENHANCEDSTATUSCODES", f"LIMITS MAILMAX={options.max_messages} RCPTMAX={options.max_recipients}")
    if options.starttls and not facts.tls:
        yield "STARTTLS"
    if facts.tls:
        yield "REQUIRETLS"
    if options.auth_mechanisms and facts.tls and not facts.authenticated:
        yield "AUTH " + " ".join(options.auth_mechanisms)
    yield "HELP"


def out_of_order(facts: Facts, verb: Verb) -> Reply:
    """What to say to a command that the table does not have in this state."""
    if facts.state is State.GREETED:
        return replies.SAY_EHLO
    if verb in (Verb.DATA, Verb.BDAT) and facts.state is State.MAIL:
        # RFC 2920 §3.1: with all recipients refused, a client that pipelines is told so here.
        return replies.NO_VALID_RECIPIENT if facts.refused else replies.NEED_RECIPIENT
    return replies.BAD_SEQUENCE


def _ehlo(facts: Facts, options: Options, argument: str) -> Outcome:
    name = grammar.read_name(argument)
    return name if isinstance(name, Reply) else Hello(name, esmtp=True)


def _helo(facts: Facts, options: Options, argument: str) -> Outcome:
    name = grammar.read_name(argument)
    return name if isinstance(name, Reply) else Hello(name, esmtp=False)


def _mail(facts: Facts, options: Options, argument: str) -> Outcome:
    if options.tls_required and not facts.tls:
        return replies.TLS_FIRST
    if options.auth_required and not facts.authenticated:
        return replies.AUTH_FIRST
    if facts.messages >= options.max_messages:
        return Ending(replies.TOO_MANY_MESSAGES, Why.LIMIT)
    event = grammar.read_mail(argument)
    if isinstance(event, Reply):
        return event
    if not facts.esmtp and event != MailFrom(event.reverse_path):
        # RFC 5321 §4.1.1.11: parameters are for those who said EHLO.
        return replies.UNKNOWN_PARAMETER
    if event.require_tls and not facts.tls:
        # RFC 8689 §2: what came in the clear can't be kept from having been read.
        return replies.TLS_FIRST if options.starttls else replies.UNKNOWN_PARAMETER
    if event.size is not None and event.size > options.max_size:
        return replies.TOO_BIG
    return event


def _rcpt(facts: Facts, options: Options, argument: str) -> Outcome:
    event = grammar.read_rcpt(argument, facts.transaction is not None and facts.transaction.smtputf8)
    if isinstance(event, Reply):
        return event
    if not facts.esmtp and event != RcptTo(event.forward_path):
        return replies.UNKNOWN_PARAMETER
    # RFC 5321 §4.5.3.1.10: 452, and the client sends the others in a transaction of their own. Refused ones count too,
    # so that guessing names takes many transactions (S20).
    if facts.recipients + facts.refused >= options.max_recipients:
        return replies.TOO_MANY_RECIPIENTS
    return event


def _data(facts: Facts, options: Options, argument: str) -> Outcome:
    return replies.NO_PARAMETERS if argument else DataStarted()


def _rset(facts: Facts, options: Options, argument: str) -> Outcome:
    return replies.NO_PARAMETERS if argument else replies.RESET


def _noop(facts: Facts, options: Options, argument: str) -> Outcome:
    return replies.NOTHING_DONE


def _help(facts: Facts, options: Options, argument: str) -> Outcome:
    return replies.HELP


def _vrfy(facts: Facts, options: Options, argument: str) -> Outcome:
    return replies.CANNOT_VERIFY if argument else replies.BAD_SYNTAX


def _expn(facts: Facts, options: Options, argument: str) -> Outcome:
    return replies.NOT_IMPLEMENTED


def _quit(facts: Facts, options: Options, argument: str) -> Outcome:
    return replies.NO_PARAMETERS if argument else Ending(replies.BYE, Why.QUIT)


def _starttls(facts: Facts, options: Options, argument: str) -> Outcome:
    # After AUTH there is TLS already, for AUTH is offered under TLS only.
    if facts.tls:
        return replies.BAD_SEQUENCE
    if not options.starttls:
        return replies.NOT_IMPLEMENTED
    return replies.NO_PARAMETERS if argument else StartTls()


def _auth(facts: Facts, options: Options, argument: str) -> Outcome:
    if not options.auth_mechanisms or not facts.esmtp:
        return replies.NOT_IMPLEMENTED
    if not facts.tls:
        return replies.AUTH_NEEDS_TLS
    if facts.authenticated:
        return replies.BAD_SEQUENCE
    event = grammar.read_auth(argument)
    if not isinstance(event, Reply) and event.mechanism not in options.auth_mechanisms:
        return replies.UNKNOWN_MECHANISM
    return event


JUDGES: dict[Verb, Judge] = {
    Verb.EHLO: _ehlo,
    Verb.HELO: _helo,
    Verb.MAIL: _mail,
    Verb.RCPT: _rcpt,
    Verb.DATA: _data,
    Verb.RSET: _rset,
    Verb.NOOP: _noop,
    Verb.HELP: _help,
    Verb.VRFY: _vrfy,
    Verb.EXPN: _expn,
    Verb.QUIT: _quit,
    Verb.STARTTLS: _starttls,
    Verb.AUTH: _auth,
}
"""All commands but BDAT, which is followed by octets and is therefore the session's own."""
