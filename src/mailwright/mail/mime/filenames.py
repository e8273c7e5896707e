"""May this name be used on a disk? Makes a file name out of whatever a message calls its attachment.

No standard. Windows' rules are the strictest, so they are kept (S22: no path, no reserved name, nothing hidden).
Pure. Not here: reading the name (model.py).
"""

from __future__ import annotations

import unicodedata

MAX_BYTES = 150
MAX_EXTENSION = 20

_FORBIDDEN = str.maketrans(dict.fromkeys('<>:"|?*\0', "_"))
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{digit}" for digit in range(10)), *(f"lpt{digit}" for digit in range(10))]
)
_LEFT_OUT = frozenset(["Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"])


def safe_filename(name: str, fallback: str = "attachment") -> str:
    """A name without folders, control characters, direction marks, leading dots and reserved words; never empty.

    At most 150 bytes of UTF-8; of a longer name the extension is kept.
    """
    name = name[:2000].replace("\\", "/").rpartition("/")[2].translate(_FORBIDDEN)
    name = "".join(
        character if character.isascii() or unicodedata.category(character) not in _LEFT_OUT else ""
        for character in unicodedata.normalize("NFC", name)
        if character >= " " and character != "\x7f"
    )
    name = " ".join(name.split()).strip(". ")
    if not name:
        return fallback
    if name.split(".", 1)[0].rstrip().lower() in _RESERVED:
        name = "_" + name
    return _shortened(name)


def _shortened(name: str) -> str:
    if len(name.encode("utf-8", "replace")) <= MAX_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > MAX_EXTENSION:
        stem, dot, extension = name, "", ""
    room = MAX_BYTES - len((dot + extension).encode())
    return stem.encode("utf-8", "replace")[:room].decode("utf-8", "ignore").rstrip(". ") + dot + extension
