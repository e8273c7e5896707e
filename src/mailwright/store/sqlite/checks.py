"""Is everything there that should be? For whoever restored a backup, or does not trust a disk."""

from __future__ import annotations

import apsw

from mailwright.store.blobs import BlobFolder
from mailwright.store.statements import load

_SQL = load("checks")


def problems(connection: apsw.Connection, files: set[str], folder: BlobFolder) -> list[str]:
    """What is wrong, as sentences; it reads the whole database. `files` are the blobs that are no rows."""
    found = database_problems(connection)
    found += [f"the file of blob {blob_id} is missing" for blob_id in sorted(files) if not folder.path(blob_id).is_file()]
    return found


def database_problems(connection: apsw.Connection) -> list[str]:
    """What is wrong inside the database alone."""
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    for statement in _SQL.values():
        count = connection.execute(statement.sqlite).fetchall()[0][0]
        if count:
            found.append(f"{count} {statement.name.replace('_', ' ')}: {statement.purpose[0].lower()}{statement.purpose[1:]}")
    return found
