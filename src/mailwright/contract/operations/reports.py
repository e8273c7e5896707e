"""Operations on what receivers report of our mail."""

from __future__ import annotations

from typing import Any

from mailwright.contract.operations.listing import Listing, listed
from mailwright.contract.operations.row import Operation
from mailwright.contract.resources import reports as shown
from mailwright.contract.resources.page import Page
from mailwright.core import reports
from mailwright.core.model import Caller, Permission
from mailwright.core.ports import Ports


async def _list(ports: Ports, caller: Caller, given: Listing) -> Page[shown.Report]:
    return await listed(given, "rpt", lambda after, limit: reports.page(ports, caller, after, limit), shown.report)


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="reports.list",
        summary="List what receivers reported of your domains: DMARC aggregate and TLS reports",
        permission=Permission.DOMAINS_READ,
        method="GET",
        path="/v1/reports",
        input=Listing,
        output=Page[shown.Report],
        read=_list,
        tool="list_reports",
        command="reports list",
        notes=(
            "A report counts when it came into a mailbox of yours (or to a domain's `dmarc_rua`, which is taken like "
            "`postmaster@`) and is about a domain that you own. What is sent again is kept once."
        ),
    ),
)
