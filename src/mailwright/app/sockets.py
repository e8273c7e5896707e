"""Where the server listens: sockets that are bound before rights are dropped, or that were bound for us."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from mailwright.config import Config
from mailwright.system import supervisor


class CannotStart(Exception):
    """The server can't start; the message says what stands against it."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """Where we listen."""

    api: socket.socket
    smtp: socket.socket
    acme: socket.socket | None = None


def listen(config: Config) -> Sockets:
    """Bind the ports, or take them from whoever bound them for us. Raises CannotStart."""
    given = supervisor.given_sockets()
    return Sockets(
        given.get("api") or bind(config.api.host, config.api.port),
        given.get("smtp") or bind(config.smtp.host, config.smtp.port, "SMTP"),
        (given.get("acme") or bind(config.acme.host, config.acme.port, "ACME")) if config.acme.domains else None,
    )


def bind(host: str, port: int, what: str = "the API") -> socket.socket:
    """A listening socket; an empty host is every address, of both kinds. Raises CannotStart."""
    everywhere = not host and socket.has_dualstack_ipv6()
    listener = socket.socket(socket.AF_INET6 if ":" in host or everywhere else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if listener.family is socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not everywhere)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as wrong:
        listener.close()
        raise CannotStart(f"{what} can't listen on {host} port {port}: {wrong.strerror}") from None
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def reachable(listening: str) -> str:
    """The address at which a socket of ours that listens there is reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listening, listening)


def url_of(config: Config, listener: socket.socket) -> str:
    """Where the API is reached whose socket that is."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if config.api.tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
