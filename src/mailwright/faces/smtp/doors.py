"""Who may come in? Connections counted by address and by the networks around it (S21).

Three widths, /32 /24 /16 of IPv4 and /64 /48 /32 of IPv6: one host, a rented block, a provider. The second may have three
times as many as the first, the third nine times. Pure: the time is an argument. Memory is bounded.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Protocol

from mailwright.wire.smtp_server import Reply

WINDOW = 60.0  # seconds
SHARES = (1, 3, 9)
MAX_NETWORKS = 100_000  # counted in one window; beyond it counting begins afresh

FULL = Reply(421, "4.3.2", "Too many connections; try again later")
TOO_MANY = Reply(421, "4.7.0", "Too many connections from your network")
TOO_FAST = Reply(421, "4.7.0", "Too many connections from your network in a minute")


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """How many connections: at once in all, at once from one address, and in a minute from one address."""

    at_once: int = 1000
    per_address: int = 50
    per_minute: int = 300


class Door(Protocol):
    """Where connections come in. Each `admit` that gave None is followed by one `leave`."""

    def admit(self, address: str, now: float) -> Reply | None:
        """The reply that turns a connection away, or None."""

    def leave(self, address: str) -> None:
        """A connection that was admitted is over."""


@dataclass(slots=True)
class Doors:
    """The counters: a `Door`."""

    limits: DoorLimits
    open: int = 0
    _open: dict[str, int] = field(default_factory=dict)
    _recent: dict[str, int] = field(default_factory=dict)
    _window: float = 0.0

    def admit(self, address: str, now: float) -> Reply | None:
        """Count a connection; the reply that turns it away, or None."""
        if self.open >= self.limits.at_once:
            return FULL
        networks = networks_of(address)
        if any(self._open.get(net, 0) >= self.limits.per_address * share for net, share in zip(networks, SHARES, strict=True)):
            return TOO_MANY
        if not self._slow_enough(networks, now):
            return TOO_FAST
        self.open += 1
        for net in networks:
            self._open[net] = self._open.get(net, 0) + 1
        return None

    def leave(self, address: str) -> None:
        """A connection that was admitted is over."""
        self.open -= 1
        for net in networks_of(address):
            left = self._open[net] - 1
            if left:
                self._open[net] = left
            else:
                del self._open[net]

    def _slow_enough(self, networks: tuple[str, ...], now: float) -> bool:
        if now - self._window >= WINDOW or len(self._recent) > MAX_NETWORKS:
            self._window = now
            self._recent.clear()
        counts = [self._recent.get(net, 0) + 1 for net in networks]
        self._recent.update(zip(networks, counts, strict=True))
        return all(count <= self.limits.per_minute * share for count, share in zip(counts, SHARES, strict=True))


def plain_address(address: str) -> str:
    """An address as it is counted and told: without a zone, and IPv4 where it was IPv4 mapped into IPv6."""
    address = address.partition("%")[0]
    if address.lower().startswith("::ffff:") and "." in address:
        return address[7:]
    return address


def networks_of(address: str) -> tuple[str, ...]:
    """The address's own network and the two around it, narrow to wide."""
    if ":" not in address:
        first, second, third, _ = address.split(".")
        return address, f"{first}.{second}.{third}", f"{first}.{second}"
    packed = ipaddress.IPv6Address(address).packed.hex()
    return packed[:16], packed[:12], packed[:8]
