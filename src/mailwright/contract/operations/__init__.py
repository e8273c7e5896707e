"""The table of operations: everything that callers can do, one row each. Every face is made from it.

Adding an operation is adding a row: its REST route, its OpenAPI entry, its MCP tool and its command follow.
"""

from __future__ import annotations

from typing import Any

from mailwright.contract.operations import (
    accounts,
    approvals,
    audit,
    compat,
    domains,
    events,
    forwards,
    identity,
    mailboxes,
    messages,
    reports,
    sending,
    suppressions,
    webhooks,
)
from mailwright.contract.operations.row import Answer, Content, Example, Nothing, Operation

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    *domains.ROWS,
    *identity.ROWS,
    *mailboxes.ROWS,
    *forwards.ROWS,
    *sending.ROWS,
    *messages.ROWS,
    *approvals.ROWS,
    *events.ROWS,
    *webhooks.ROWS,
    *suppressions.ROWS,
    *reports.ROWS,
    *accounts.ROWS,
    *audit.ROWS,
    *compat.ROWS,
)

__all__ = ["OPERATIONS", "Answer", "Content", "Example", "Nothing", "Operation"]
