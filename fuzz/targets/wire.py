"""Both ends of an SMTP session, with a face that accepts whatever it is asked."""

from __future__ import annotations

from mailwright.wire import smtp_client
from mailwright.wire.smtp_client import Recipient, Tls, Transaction
from mailwright.wire.smtp_server import Options, Session
from mailwright.wire.smtp_server.events import DECISIONS, StartTls

DIALOG = b"EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n..x\r\n.\r\nQUIT\r\n"
CHUNKS = b"EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.test>\r\nBDAT 3\r\nx\r\nBDAT 0 LAST\r\nRSET\r\n"
REPLIES = b"220 x\r\n250-x\r\n250 SIZE 9\r\n250 x\r\n250 x\r\n354 x\r\n250 x\r\n"


def _server(octets: bytes) -> None:
    session = Session(Options(hostname="mx.test"))
    session.greet()
    for line in octets.splitlines(keepends=True):
        for event in session.receive_data(line):
            if isinstance(event, StartTls):
                session.tls_started()
            elif type(event) in DECISIONS:
                session.accept()
        session.bytes_to_send()


def _client(octets: bytes) -> None:
    session = smtp_client.Session(smtp_client.Options("us.test", tls=Tls.NEVER))
    for line in octets.splitlines(keepends=True):
        session.receive_data(line)
        if session.state is smtp_client.State.READY:
            session.begin(Transaction("a@us.test", (Recipient("b@there.test"),), (b"Subject: x\r\n\r\nx\r\n",)))
        while session.bytes_to_send():
            pass
    session.connection_lost("end")


TARGETS = {"smtp-server": (_server, (DIALOG, CHUNKS)), "smtp-client": (_client, (REPLIES,))}
