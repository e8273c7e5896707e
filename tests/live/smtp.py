"""SMTP as other people's programs speak it: a client that sends many messages."""

from __future__ import annotations

import smtplib


def post(port: int, rcpt_to: str, *subjects: str, mail_from: str = "bob@there.example") -> None:
    """Deliver short messages over one connection; raises what smtplib raises."""
    with smtplib.SMTP("127.0.0.1", port, "there.example", timeout=20) as client:
        for subject in subjects:
            raw = f"From: <{mail_from}>\r\nTo: <{rcpt_to}>\r\nSubject: {subject}\r\n\r\nHello.\r\n"
            client.sendmail(mail_from, [rcpt_to], raw)
