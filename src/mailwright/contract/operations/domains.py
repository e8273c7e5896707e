"""Operations on domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from mailwright.contract.operations.listing import Listing, listed
from mailwright.contract.operations.row import Content, Example, Operation
from mailwright.contract.resources import domains as shown
from mailwright.contract.resources.page import Page
from mailwright.contract.scalars import ONE_LINE, ClientId, Id, doc
from mailwright.core import domains, model
from mailwright.core.errors import InvalidInput
from mailwright.core.inspection import Checks
from mailwright.core.model import Caller, Permission
from mailwright.core.ports import Ports, Tx
from mailwright.core.records import zone_file

ZONE_FILE = "text/dns"  # RFC 4027
DomainName = Annotated[str, Meta(min_length=1, max_length=255, pattern=ONE_LINE)]
Text = Annotated[str, Meta(max_length=320, pattern=ONE_LINE)]


class SmarthostWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A relay to send through."""

    host: Annotated[DomainName, doc("Its name.", example="smtp.relay.example")]
    port: Annotated[Annotated[int, Meta(ge=1, le=65535)], doc("Its port.")] = 587
    username: Annotated[Text | None, doc("Who to log in as.")] = None
    password: Annotated[Text | None, doc("The password; it is never told again.")] = None
    tls: Annotated[Literal["starttls", "implicit", "none"], doc("How it is protected; `none` for loopback only.")] = "starttls"


class DomainAdd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A domain to be added."""

    domain: Annotated[DomainName | None, doc("Its name; a subdomain of its own is best.", example="agents.example.com")] = None
    name: Annotated[DomainName | None, doc("Another word for `domain`: give one of them.")] = None
    dkim_key_type: Annotated[
        Literal["rsa2048", "ed25519"] | None,
        doc("Accepted for compatibility. Every domain gets both keys, and both sign: some receivers can't check one of them."),
    ] = None
    dmarc_policy: Annotated[
        Literal["none", "quarantine", "reject"], doc("What receivers shall do with mail that does not authenticate.")
    ] = "none"
    dmarc_rua: Annotated[Text | None, doc("Where receivers send DMARC reports.", example="dmarc@example.com")] = None
    smarthost: Annotated[SmarthostWanted | None, doc("Send through this relay instead of straight to the receivers.")] = None
    client_id: Annotated[ClientId | None, doc("Your own id: asking again with it gives the domain added the first time.")] = (
        None
    )


class DomainId(Struct, frozen=True, forbid_unknown_fields=True):
    """One domain."""

    domain_id: Annotated[Id, doc("The domain's id.")]


class DomainChange(DomainId, frozen=True, forbid_unknown_fields=True):
    """What shall be different about a domain; what is left out stays."""

    smarthost: Annotated[
        SmarthostWanted | UnsetType | None, doc("Send through this relay, given whole; null: straight to the receivers.")
    ] = UNSET
    dmarc_policy: Annotated[
        Literal["none", "quarantine", "reject"] | UnsetType,
        doc("What receivers shall do with mail that does not authenticate: publish the record again."),
    ] = UNSET
    dmarc_rua: Annotated[Text | UnsetType | None, doc("Where receivers send DMARC reports; null: nowhere.")] = UNSET


@dataclass(frozen=True, slots=True)
class _Inspected:
    domain_id: str
    checks: Checks


async def _prepare(ports: Ports, caller: Caller, given: DomainAdd) -> domains.NewDomain:
    name = given.domain or given.name
    if name is None or (given.domain is not None and given.name is not None):
        raise InvalidInput.at("domain", "give the domain's name, once")
    ascii_name = domains.domain_name(name)
    return domains.NewDomain(
        name=ascii_name,
        keys=await domains.make_keys(ports, ascii_name),
        dmarc_policy=given.dmarc_policy,
        dmarc_rua=given.dmarc_rua,
        smarthost=_smarthost(given.smarthost),
        client_id=given.client_id,
    )


def _smarthost(given: SmarthostWanted | None) -> model.Smarthost | None:
    return model.Smarthost(given.host, given.port, given.username, given.password, given.tls) if given else None


async def _add(tx: Tx, ports: Ports, caller: Caller, wanted: domains.NewDomain) -> shown.Domain:
    return shown.domain(await domains.add(tx, ports, caller, wanted), ports.settings)


async def _list(ports: Ports, caller: Caller, given: Listing) -> Page[shown.Domain]:
    return await listed(
        given,
        "dom",
        lambda after, limit: domains.page(ports, caller, after, limit),
        lambda row: shown.domain(row, ports.settings),
    )


async def _get(ports: Ports, caller: Caller, given: DomainId) -> shown.Domain:
    return shown.domain(await domains.get(ports, caller, given.domain_id), ports.settings)


async def _zone_file(ports: Ports, caller: Caller, given: DomainId) -> Content:
    domain = await domains.get(ports, caller, given.domain_id)
    text = zone_file(domain, ports.settings)
    return Content(text.encode(), ZONE_FILE, f"{domain.name}.zone")


async def _inspect(ports: Ports, caller: Caller, given: DomainId) -> _Inspected:
    return _Inspected(given.domain_id, await domains.inspect(ports, caller, given.domain_id))


async def _verify(tx: Tx, ports: Ports, caller: Caller, found: _Inspected) -> shown.Verification:
    return shown.verification(await domains.verified(tx, ports, caller, found.domain_id, found.checks))


async def _change(tx: Tx, ports: Ports, caller: Caller, given: DomainChange) -> shown.Domain:
    same = domains.UNCHANGED
    wanted = domains.DomainChange(
        smarthost=same if isinstance(given.smarthost, UnsetType) else _smarthost(given.smarthost),
        dmarc_policy=same if isinstance(given.dmarc_policy, UnsetType) else given.dmarc_policy,
        dmarc_rua=same if isinstance(given.dmarc_rua, UnsetType) else given.dmarc_rua,
    )
    return shown.domain(await domains.change(tx, ports, caller, given.domain_id, wanted), ports.settings)


async def _remove(tx: Tx, ports: Ports, caller: Caller, given: DomainId) -> None:
    await domains.remove(tx, ports, caller, given.domain_id)


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="domains.add",
        summary="Add a domain, and learn which records to publish",
        permission=Permission.DOMAINS_MANAGE,
        method="POST",
        path="/v1/domains",
        status=201,
        input=DomainAdd,
        output=shown.Domain,
        prepare=_prepare,
        act=_add,
        tool="configure_domain",
        command="domains add",
        examples=(Example("A subdomain for agents", {"domain": "bots.example.org", "dmarc_policy": "none"}),),
        notes="Publish `dns_records`, then verify. Nothing is sent from the domain before it is `aligned`. "
        "Whoever publishes a DKIM key of theirs owns the name: that somebody else has added it too takes nothing from them.",
    ),
    Operation(
        name="domains.list",
        summary="List domains",
        permission=Permission.DOMAINS_READ,
        method="GET",
        path="/v1/domains",
        input=Listing,
        output=Page[shown.Domain],
        read=_list,
        tool="list_domains",
        command="domains list",
    ),
    Operation(
        name="domains.get",
        summary="Read a domain",
        permission=Permission.DOMAINS_READ,
        method="GET",
        path="/v1/domains/{domain_id}",
        input=DomainId,
        output=shown.Domain,
        read=_get,
        tool="get_domain",
        command="domains show",
    ),
    Operation(
        name="domains.zone_file",
        summary="The records of a domain as a zone file",
        permission=Permission.DOMAINS_READ,
        method="GET",
        path="/v1/domains/{domain_id}/zone-file",
        input=DomainId,
        output=Content,
        media=ZONE_FILE,
        read=_zone_file,
        command="domains zone",
        notes="In the form of RFC 1035 §5, to paste into a DNS provider's import.",
    ),
    Operation(
        name="domains.verify",
        summary="Look at a domain's records in DNS now",
        permission=Permission.DOMAINS_MANAGE,
        method="POST",
        path="/v1/domains/{domain_id}/verify",
        input=DomainId,
        output=shown.Verification,
        prepare=_inspect,
        act=_verify,
        tool="verify_domain_alignment",
        command="domains verify",
        notes="Says of every record what was expected, what DNS has, and why that is not enough.",
    ),
    Operation(
        name="domains.change",
        summary="Change a domain's smarthost or DMARC policy",
        permission=Permission.DOMAINS_MANAGE,
        method="PATCH",
        path="/v1/domains/{domain_id}",
        input=DomainChange,
        output=shown.Domain,
        act=_change,
        tool="change_domain",
        command="domains change",
        examples=(
            Example("Send through a relay", {"smarthost": {"host": "relay.example", "username": "us", "password": "x"}}),
            Example("Send straight to the receivers again", {"smarthost": None}),
        ),
        notes="What waits in the queue takes the new way. A smarthost at a loopback or private address is connected to only "
        "where `delivery.smarthost_networks` of the server's configuration names its network; until then its mail waits.",
    ),
    Operation(
        name="domains.remove",
        summary="Remove a domain that no mailbox uses",
        permission=Permission.DOMAINS_MANAGE,
        method="DELETE",
        path="/v1/domains/{domain_id}",
        status=204,
        input=DomainId,
        output=None,
        act=_remove,
        destructive=True,
        tool="remove_domain",
        command="domains remove",
    ),
)
