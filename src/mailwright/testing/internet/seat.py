"""Somebody with a key at a server: what they may do is what their key may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from mailwright.core import accounts
from mailwright.core.model import Caller, Permission
from mailwright.core.ports import Ports, Tx
from mailwright.testing.internet.server import Server

T = TypeVar("T")


@dataclass(frozen=True)
class Seat:
    """A caller at a server. What they are refused is raised as the `Refusal` that a face would translate."""

    server: Server
    caller: Caller

    def act(self, permission: Permission, verb: Callable[[Tx, Ports, Caller], Awaitable[T]]) -> T:
        """Do something in one transaction, if the key has the permission."""
        accounts.require(self.caller, permission)
        ports = self.server.ports
        return self.server.drive(ports.store.write(lambda tx: verb(tx, ports, self.caller)))

    def ask(self, permission: Permission, question: Callable[[Ports, Caller], Coroutine[Any, Any, T]]) -> T:
        """Read something, if the key has the permission."""
        accounts.require(self.caller, permission)
        return self.server.drive(question(self.server.ports, self.caller))

    def new_key(self, wanted: accounts.NewKey) -> str:
        """Make a key; its secret."""
        return self.act(Permission.KEYS_MANAGE, lambda tx, ports, caller: accounts.create_key(tx, ports, caller, wanted))[1]

    def sit_down(self, secret: str) -> Caller:
        """Whom a secret stands for at this server."""
        return self.server.drive(accounts.authenticate(self.server.ports, secret))
