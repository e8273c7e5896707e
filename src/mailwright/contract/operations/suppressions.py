"""Operations on the list of addresses that must not be written to."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from mailwright.contract.operations.listing import Listing, listed
from mailwright.contract.operations.row import Example, Operation
from mailwright.contract.resources import suppressions as shown
from mailwright.contract.resources.page import Page
from mailwright.contract.scalars import Id, Line, Text, doc
from mailwright.core import model, suppression
from mailwright.core.errors import InvalidInput
from mailwright.core.model import Caller, Permission
from mailwright.core.ports import Ports, Tx


class SuppressionList(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries to list."""

    address: Annotated[
        Line | None, doc("Only what keeps mail from this address, if anything does.", example="gone@there.example")
    ] = None


class SuppressionAdd(Struct, frozen=True, forbid_unknown_fields=True):
    """An address that must not be written to any more."""

    address: Annotated[Line, doc("The address; `name+*@domain` stands for all of its labels.", example="gone@there.example")]
    detail: Annotated[Text | None, doc("Why, for the record.")] = None


class SuppressionId(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the list."""

    suppression_id: Annotated[Id, doc("The entry's id.")]


async def _add(tx: Tx, ports: Ports, caller: Caller, given: SuppressionAdd) -> shown.Suppression:
    # An address may have a star in it, but whoever writes one means many addresses, and would believe them all listed.
    if "*" in given.address.replace(f"{suppression.EVERY_LABEL}@", "@"):
        raise InvalidInput.at("address", "a star stands for labels only, as in name+*@domain: list each address by itself")
    return shown.suppression(await suppression.add(tx, ports, caller, given.address, "manual", detail=given.detail))


async def _list(ports: Ports, caller: Caller, given: SuppressionList) -> Page[shown.Suppression]:
    async def fetch(after: str | None, limit: int) -> list[model.Suppression]:
        if given.address is None:
            return await suppression.page(ports, caller, after, limit)
        found = await suppression.of_address(ports, caller, given.address)
        return [found] if found is not None and (after is None or found.id > after) else []

    return await listed(given, "sup", fetch, shown.suppression)


async def _remove(tx: Tx, ports: Ports, caller: Caller, given: SuppressionId) -> None:
    await suppression.remove(tx, ports, caller, given.suppression_id)


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="suppressions.list",
        summary="List the addresses that must not be written to",
        permission=Permission.SUPPRESSIONS_READ,
        method="GET",
        path="/v1/suppressions",
        input=SuppressionList,
        output=Page[shown.Suppression],
        read=_list,
        tool="list_suppressions",
        command="suppressions list",
        notes="The list tells whom the tenant's mailboxes wrote to, so a key of one agent or mailbox has to name an `address`; "
        "`detail` and `message_id` are null for it unless the mail that led to the entry was its own.",
    ),
    Operation(
        name="suppressions.add",
        summary="Never write to an address again",
        permission=Permission.SUPPRESSIONS_MANAGE,
        method="POST",
        path="/v1/suppressions",
        status=201,
        input=SuppressionAdd,
        output=shown.Suppression,
        act=_add,
        tool="add_suppression",
        command="suppressions add",
        examples=(Example("Somebody asked us to stop", {"address": "gone@there.example", "detail": "asked by telephone"}),),
        notes="An address that is on the list already stays as it is.",
    ),
    Operation(
        name="suppressions.remove",
        summary="Allow writing to an address again",
        permission=Permission.SUPPRESSIONS_MANAGE,
        method="DELETE",
        path="/v1/suppressions/{suppression_id}",
        status=204,
        input=SuppressionId,
        output=None,
        act=_remove,
        destructive=True,
        tool="remove_suppression",
        command="suppressions remove",
    ),
)
