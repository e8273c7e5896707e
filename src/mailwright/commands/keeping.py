"""The commands that keep what is stored: `backup`, `restore` and `verify-data`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from mailwright.commands.server import ConfigFile

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object, and no progress.")]
Source = Annotated[Path, typer.Argument(help="A folder of backups, or a tar file that holds one.", show_default=False)]


class Queue(StrEnum):
    """What becomes of deliveries that waited when the backup was made."""

    CLOSE = "close"
    SEND = "send"


def add(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    cli.command()(backup)
    cli.command()(restore)
    cli.command(name="verify-data")(verify_data)


def backup(
    target: Annotated[
        Path, typer.Argument(help="A folder that takes many backups, or a file ending in .tar for one.", show_default=False)
    ],
    config: ConfigFile = None,
    keep: Annotated[
        int | None, typer.Option(help="Afterwards remove all but so many of the newest from the folder.", min=1)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Back up the data folder of a server, which may be running. Into a folder only what changed is written."""
    from mailwright.keeping.archive import Folder, NoArchive, Tar
    from mailwright.keeping.backup import BlobLost, back_up
    from mailwright.store.sqlite.snapshot import NoDatabase

    data = _data(config)
    as_tar = target.suffix == ".tar"
    try:
        with Tar.writing(target) if as_tar else Folder(target).writing() as archive:
            made = back_up(data, archive, target.absolute().parent if as_tar else target, _progress(as_json))
            removed = archive.keep(keep) if keep is not None and isinstance(archive, Folder) else 0
    except (NoArchive, NoDatabase, BlobLost, OSError) as wrong:
        _fail(wrong)
    told = {
        "backup": made.name,
        "bytes": made.manifest.size,
        "written": archive.written,
        "large_messages": len(made.manifest.blobs),
        "pieces_removed": removed,
    }
    text = f"{made.name}: {_size(made.manifest.size)}, of which {_size(archive.written)} are new in {target}"
    _tell(told, text, as_json)


def restore(
    source: Source,
    config: ConfigFile = None,
    name: Annotated[str | None, typer.Option("--backup", help="Which one, by its name; otherwise the newest.")] = None,
    queue: Annotated[
        Queue,
        typer.Option(
            help="What waited when the backup was made may have been delivered since: `close` tells each as unknown; `send` "
            "sends it, for when you know that nothing was sent since."
        ),
    ] = Queue.CLOSE,
    as_json: AsJson = False,
) -> None:
    """Put a backup into a new data folder. Nothing is overwritten, and counters go on beyond all that were given out since."""
    from mailwright.keeping.archive import Broken, NoArchive, reading
    from mailwright.keeping.manifest import BadManifest
    from mailwright.keeping.restore import NotEmpty
    from mailwright.keeping.restore import restore as put_back
    from mailwright.store.sqlite import FolderInUse, NewerDatabase

    data = _data(config)
    try:
        archive = reading(source)
        chosen = name or archive.names()[-1]
        if chosen not in archive.names():
            raise NoArchive(f"there is no backup {chosen}: there are {', '.join(archive.names()[-5:])}")
        done = put_back(
            archive, chosen, data, close_queue=queue is Queue.CLOSE, progress=_progress(as_json), owner=_owner(config)
        )
    except (NoArchive, Broken, BadManifest, NotEmpty, FolderInUse, NewerDatabase, ValueError, OSError) as wrong:
        _fail(wrong)
    told = {
        "backup": chosen,
        "data": str(data),
        "deliveries_unknown": done.settled.deliveries,
        "open_approvals": done.settled.approvals,
    }
    text = (
        f"{chosen} is in {data}. {done.settled.deliveries} deliveries that waited are told as unknown; "
        f"{done.settled.approvals} questions are open, and may have been answered since."
    )
    _tell(told, text, as_json)


def verify_data(
    config: ConfigFile = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Backups whose newest says what large messages must be like, byte for byte, and where the audit log was."
        ),
    ] = None,
    backup: Annotated[Path | None, typer.Option(help="Look at these backups instead of the data folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read all of a data folder, which may be in use, and say what is damaged or missing; then the exit status is 1."""
    from mailwright.keeping import verify
    from mailwright.keeping.archive import NoArchive, reading
    from mailwright.keeping.manifest import BadManifest
    from mailwright.store.sqlite.snapshot import NoDatabase

    try:
        if backup is not None:
            found = verify.verify_backup(reading(backup), _progress(as_json))
        else:
            found = verify.verify_data(_data(config), reading(against) if against else None, _progress(as_json))
    except (NoArchive, NoDatabase, BadManifest, OSError) as wrong:
        _fail(wrong)
    told = {
        "problems": found.problems,
        "notes": found.notes,
        "large_messages": found.large_messages,
        "large_messages_hashed": found.hashed,
        "audit_entries": found.audit_entries,
    }
    counted = f"{found.large_messages} large messages ({found.hashed} compared), {found.audit_entries} audit entries"
    verdict = "\n".join(found.problems) if found.problems else "Nothing is damaged or missing"
    _tell(told, "\n".join([f"{verdict}: {counted}." if not found.problems else verdict, *found.notes]), as_json)
    if found.problems:
        raise typer.Exit(1)


def _data(config: Path | None) -> Path:
    os.umask(0o077)  # there are keys and mail in all that these commands write
    from mailwright.config import ConfigError, load

    try:
        return Path(load(config).server.data)
    except ConfigError as wrong:
        _fail(wrong)


def _owner(config: Path | None) -> tuple[int, int] | None:
    """Whose the data folder is to be, where the server becomes somebody."""
    import pwd

    from mailwright.config import load

    user = load(config).server.user
    try:
        found = pwd.getpwnam(user) if user else None
    except KeyError:
        _fail(ValueError(f"there is no user {user}: useradd --system {user}"))
    return (found.pw_uid, found.pw_gid) if found else None


def _progress(silent: bool) -> Callable[[str, int, int], None]:
    """A line that is written over, where a person looks on."""
    if silent or not sys.stderr.isatty():
        return lambda part, done, whole: None

    def show(part: str, done: int, whole: int) -> None:
        sys.stderr.write(f"\r\033[K{part}: {100 * done // max(whole, 1)} %" if done < whole else "\r\033[K")
        sys.stderr.flush()

    return show


def _tell(told: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(told) if as_json else text)


def _fail(wrong: Exception) -> NoReturn:
    typer.echo(f"mailwright: {wrong}", err=True)
    raise typer.Exit(2) from None


def _size(octets: int) -> str:
    return f"{octets / 1_000_000:,.1f} MB"
