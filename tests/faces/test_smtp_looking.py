"""How long looking at a message may take: a report that came back as well as any other mail (S12)."""

from __future__ import annotations

import threading

import pytest

from mailwright.core import receiving, returning
from mailwright.core.errors import ExaminationFailed
from mailwright.core.examining import Peer
from mailwright.core.ports import Settings
from mailwright.core.receiving import Recipient
from mailwright.faces.smtp import translation
from mailwright.net.resolver import Resolver, ResolverOptions

RETURNED = [Recipient("b+dlv_1.mac@bounce.agents.example", delivery_id="dlv_1")]
LARGE = b"Subject: Undelivered\r\nContent-Type: multipart/report; boundary=b\r\n\r\n" + b"x" * 300_000


async def test_s12_a_large_report_that_takes_too_long_to_read_is_refused_for_now(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(translation, "PATIENCE", 0.05)
    over, read = threading.Event(), []
    monkeypatch.setattr(returning, "read_report", lambda *_: read.append(over.wait(20)))
    resolver = Resolver(ResolverOptions(("127.0.0.1:9",)))
    envelope = receiving.envelope_of(Settings(), Peer("192.0.2.9", "mx.there.example"), "", RETURNED, 0)
    with pytest.raises(ExaminationFailed):
        await translation.in_time(receiving.looked_at(resolver, LARGE, envelope, RETURNED), envelope)
    assert [] == read  # the loop was not held up meanwhile
    over.set()
    await resolver.close()
