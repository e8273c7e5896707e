"""docs/client.md is run as it stands there, from its first line to its last."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

from client.conftest import Server

from mailwright.core import model
from mailwright.core.webhooks import headers

PAGE = Path(__file__).resolve().parents[2] / "docs" / "client.md"
SECRET = "whsec_" + "bmV3" * 8
BODY = b'{"id":"evt_1","type":"message.sent","created_at":"","cursor":"c","tenant_id":"t","mailbox_id":null,"data":{}}'


async def test_the_page_on_the_client_works(server: Server) -> None:
    page: dict[str, Any] = {"URL": server.url, "KEY": server.key("agent"), "MAILBOX_ID": server.mailbox_id, "SECRET": SECRET}
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
    await asyncio.to_thread(exec, compile(code, "docs/client.md", "exec"), page)
    assert ["Order 7"] == [one.subject for one in await asyncio.to_thread(list, page["mw"].messages.list(q="Order"))]
    now = int(time.time() * 1000)
    hook = model.Webhook("whk_1", "ten_1", "https://there.example/", (), model.Active.ACTIVE, SECRET, 0, now)
    signed = dict(headers(hook, "evt_1", BODY, now))
    assert (204, 400) == (page["handle"](signed, BODY), page["handle"](signed, BODY + b" "))
