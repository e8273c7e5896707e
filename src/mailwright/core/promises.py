"""What do our own domains promise about TLS to those who send mail to them?

Standards: RFC 8461 §3 (policy, and the record that announces it), RFC 8460 §3 (where reports about it shall go).
One policy for all domains: they have the same exchanger. Its `id` is made from it, so that both change together.
Not here: what others promise us (tls_policies.py), checking the records (domains.py).
"""

from __future__ import annotations

import hashlib

from mailwright.core.model import Domain
from mailwright.core.ports import Ports, Settings
from mailwright.mailauth.mta_sts import Mode, Policy

DAY = 86_400
LABEL = "mta-sts"
PATH = "/.well-known/mta-sts.txt"  # RFC 8461 §3.3


def policy(settings: Settings) -> Policy:
    """The policy. What is only being tried can be taken back in a day."""
    mode = Mode(settings.mta_sts)
    hosts = () if mode is Mode.NONE else (settings.hostname.lower(),)
    return Policy(mode, hosts, 7 * DAY if mode is Mode.ENFORCE else DAY)


def policy_file(settings: Settings) -> str:
    """The policy as it is served."""
    return "".join(f"{line}\r\n" for line in policy(settings).strings)


def policy_record(settings: Settings) -> str:
    """The TXT record at `_mta-sts.<domain>`."""
    return f"v=STSv1; id={hashlib.sha256(policy_file(settings).encode()).hexdigest()[:20]}"


def report_record(domain: Domain) -> str:
    """The TXT record at `_smtp._tls.<domain>`: reports go where DMARC's do, else to the postmaster."""
    return f"v=TLSRPTv1; rua=mailto:{domain.dmarc_rua or f'postmaster@{domain.name}'}"


def policy_host(settings: Settings) -> str | None:
    """The name of the host that serves policies, ours as seen from outside; None where it has none, or no HTTPS."""
    scheme, _, rest = settings.public_url.partition("://")
    host = rest.partition("/")[0].partition(":")[0].lower()
    named = "." in host and not host.replace(".", "").isdigit()
    return host if scheme == "https" and named else None


async def served(ports: Ports, authority: str) -> str | None:
    """The policy file for a request with this Host field; None where no domain of ours is meant."""
    host = authority.rpartition(":")[0] if authority.rpartition(":")[2].isdigit() else authority
    label, _, name = host.lower().removesuffix(".").partition(".")
    if label != LABEL or not name:
        return None
    owner = await ports.store.read(lambda tx: tx.domains.by_name(name))
    return policy_file(ports.settings) if owner is not None else None
