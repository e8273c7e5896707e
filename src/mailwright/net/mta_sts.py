"""The MTA-STS policies of domains: asked for, fetched over HTTPS, and kept across restarts.

Standards: RFC 8461 §3 (discovery), §5.1 (what is cached counts), §10.2.
Promises: never raises; one fetch at a time for a domain; a fetch that failed is not tried again for five minutes; memory,
and the file, are bounded. Fetches go through the guarded client (S16): no redirects, a certificate for `mta-sts.<domain>`.
Not here: what a policy says and when it is fetched (mailauth/mta_sts.py), what follows (core/tls_policies.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec
import structlog

from mailwright.core.ports import NotPosted, Resolver, TlsFault
from mailwright.files import place
from mailwright.mail.questions import RecordType, ask
from mailwright.mailauth.mta_sts import Cached, Next, Policy, next_step, parse_policy, policy_id
from mailwright.net.poster import Fetched, Poster

log = structlog.get_logger()

DOMAINS = 20_000  # whose policies are kept
FETCHES = 20  # at once
AGAIN = 300  # seconds: RFC 8461 §3.3 asks for a pause after a failure
SAVED_EVERY = 10.0  # seconds
FILE = "mta-sts.json"

K = TypeVar("K")
V = TypeVar("V")
Found: TypeAlias = tuple[Policy | None, TlsFault | None]


class Kept(msgspec.Struct, frozen=True):
    """The file."""

    policies: dict[str, Cached]


class Policies:
    """Fills the port `StsPolicies`. `now` gives unix seconds; `save` writes what is new to the folder. Other ports: tests."""

    def __init__(self, resolver: Resolver, poster: Poster, folder: Path, now: Callable[[], float], port: int = 443) -> None:
        self._authority = "mta-sts.{}" if port == 443 else f"mta-sts.{{}}:{port}"
        self._resolver, self._poster, self._now = resolver, poster, now
        self._path = folder / FILE
        self._cached = _read(self._path)
        self._failed: dict[tuple[str, str], tuple[float, TlsFault]] = {}
        self._under_way: dict[str, asyncio.Task[Found]] = {}
        self._fetches = asyncio.Semaphore(FETCHES)
        self._changed = False

    async def of(self, domain: str) -> Found:
        """The policy that holds for the domain, if any; else what kept us from one that DNS announces, or from asking it."""
        reply = await self._resolver.resolve(ask(f"_mta-sts.{domain}", RecordType.TXT))
        record_id, cached = policy_id(reply.records), self._cached.get(domain)
        holding = cached.policy if cached is not None and cached.valid(int(self._now())) else None
        if holding is None and reply.trouble:  # mail goes as if there were none, but for what requires TLS, which waits
            return None, TlsFault("sts-policy-fetch-error", f"DNS did not say whether {domain} has an MTA-STS policy")
        if record_id is None or next_step(record_id, cached, int(self._now())) is Next.USE:
            return holding, None
        failed = self._failed.get((domain, record_id))
        if failed is not None and self._now() < failed[0] + AGAIN:
            return holding, None if holding else failed[1]
        task = self._under_way.get(domain)
        if task is None:
            task = self._under_way[domain] = asyncio.create_task(self._fetch(domain, record_id))
            task.add_done_callback(lambda _: self._under_way.pop(domain, None))
        # Whoever waits may give up; the others, and the cache, want it all the same.
        policy, fault = await asyncio.shield(task)
        return (policy, None) if policy else (holding, None if holding else fault)

    async def save(self) -> None:
        """Write the file where anything changed: whoever breaks DNS just after a restart must not undo a promise."""
        if self._changed:
            self._changed = False
            try:
                await asyncio.to_thread(place, self._path, msgspec.json.encode(Kept(dict(self._cached))))
            except OSError:
                self._changed = True
                raise

    async def keep_saved(self, stop: asyncio.Event) -> None:
        """The loop that saves what is new, until `stop`."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SAVED_EVERY)
            try:
                await self.save()
            except OSError:  # the disk is full, say: what is in memory still holds
                log.exception("mta_sts.not_saved", file=str(self._path))

    async def close(self) -> None:
        """Give up what is under way, and save."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(OSError):
            await self.save()

    async def _fetch(self, domain: str, record_id: str) -> Found:
        async with self._fetches:
            found = await self._poster.fetch("GET", f"https://{self._authority.format(domain)}/.well-known/mta-sts.txt")
        policy = _policy(domain, found)
        if isinstance(policy, TlsFault):
            log.info("mta_sts.no_policy", domain=domain, reason=policy.reason)
            _bounded(self._failed, (domain, record_id), (self._now(), policy))
            return None, policy
        _bounded(self._cached, domain, Cached(policy, record_id, int(self._now())))
        self._changed = True
        return policy, None


def _policy(domain: str, found: Fetched | NotPosted) -> Policy | TlsFault:
    if isinstance(found, NotPosted):
        kind = "sts-webpki-invalid" if found.reason == "tls" else "sts-policy-fetch-error"
        return TlsFault(kind, f"the MTA-STS policy of {domain} could not be fetched: {found.detail}")
    if found.status != 200:  # RFC 8461 §3.3: any other is a failure, redirects are not followed
        return TlsFault("sts-policy-fetch-error", f"the MTA-STS policy host of {domain} answered {found.status}")
    kind = next((value for name, value in found.headers if name == "content-type"), "")
    if kind.partition(";")[0].strip().lower() != "text/plain":  # §3.2: others may be written by a domain's users
        return TlsFault("sts-policy-invalid", f"the MTA-STS policy of {domain} is not text/plain")
    policy = parse_policy(found.body) if found.whole else None
    return policy or TlsFault("sts-policy-invalid", f"the MTA-STS policy of {domain} can't be read")


def _bounded(table: dict[K, V], key: K, value: V) -> None:
    table.pop(key, None)
    while len(table) >= DOMAINS:
        del table[next(iter(table))]  # the oldest
    table[key] = value


def _read(path: Path) -> dict[str, Cached]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept).policies
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError):
        log.exception("mta_sts.unreadable", file=str(path))
        return {}
