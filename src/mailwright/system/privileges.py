"""Root for as long as it takes to bind port 25, and never while a stranger's octets are read (S30).

Not here: binding (app/sockets.py), what else a service may be kept from (packaging/mailwright.service).
"""

from __future__ import annotations

import grp
import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path


class BadUser(Exception):
    """We can't become that user, or won't be root; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom to become."""

    name: str
    uid: int
    gid: int


def identity(user: str, *, run_as_root: bool) -> Identity | None:
    """Whom to become before anything is read; None: we are nobody special already. Raises BadUser."""
    if os.geteuid() != 0:
        if user and pwd.getpwuid(os.geteuid()).pw_name != user:
            raise BadUser(f"only root can become {user}: start as root, or as {user}")
        return None
    if not user:
        if run_as_root:
            return None
        raise BadUser(
            "as root one mistake is everybody's: set server.user to the user to become once the ports are bound "
            "(or server.run_as_root, in a container where root is nobody)"
        )
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise BadUser(f"there is no user {user}: useradd --system {user}") from None
    if found.pw_uid == 0:
        raise BadUser(f"{user} is root by another name")
    return Identity(user, found.pw_uid, found.pw_gid)


def become(who: Identity) -> None:
    """Be this user from now on, with its groups and no way back. Raises BadUser."""
    groups = sorted({who.gid, *(one.gr_gid for one in grp.getgrall() if who.name in one.gr_mem)})
    os.setgroups(groups)
    os.setresgid(who.gid, who.gid, who.gid)
    os.setresuid(who.uid, who.uid, who.uid)
    try:
        os.setuid(0)
    except PermissionError:
        return
    raise BadUser(f"root was not given up for {who.name}")


def check_reach(who: Identity) -> None:
    """Whether we, who are this user now, can still start processes of our own. Raises BadUser."""
    if not os.access(sys.executable, os.X_OK):
        raise BadUser(f"{who.name} can't run {sys.executable}: install where everybody may read, as under /opt")


def own_folder(folder: Path, who: Identity | None) -> None:
    """The data folder is there, and this user's alone. Raises BadUser where it is somebody else's."""
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if made and who is not None:
        os.chown(folder, who.uid, who.gid)
    found = folder.stat()
    if who is not None and found.st_uid != who.uid:
        raise BadUser(f"{folder} is not {who.name}'s: chown -R {who.name} {folder}")
    if found.st_mode & 0o077 and found.st_uid in (os.geteuid(), who.uid if who else -1):
        folder.chmod(0o700)
