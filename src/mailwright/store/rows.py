"""How a noun becomes a row, and back.

Columns are the fields of the dataclass, in their order. What SQL has no word for (tuples, mappings, nested values) is JSON
text; an enumeration is its value, a bool 0 or 1. Types are looked at once, when this is imported: at call time a row is one
`attrgetter` and a call for each of the few fields that need it.
Not here: SQL (queries/), who reads and writes which row (tables/).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import fields
from enum import StrEnum
from operator import attrgetter, itemgetter
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec

from mailwright.core import model
from mailwright.core.ports import SavedResponse
from mailwright.store.statements import Columns

T = TypeVar("T")
Value = str | int | bytes | None
Extra = tuple[str, Callable[[Any], Value]]

_PLAIN = (str, int, bytes, float)


class Shape(Generic[T]):
    """The columns of one noun and the two ways of its conversion.

    `fixed` fields are written once and left alone by `put`; an `extra` column is computed from the value, to be searched by,
    and never read back.
    """

    def __init__(self, noun: type[T], *, fixed: Iterable[str] = (), extra: Iterable[Extra] = ()) -> None:
        """Look at the types of the noun's fields."""
        self._noun = noun
        hints = get_type_hints(noun)
        names = tuple(field.name for field in fields(noun))  # type: ignore[arg-type]
        codecs = [_codec(hints[name]) for name in names]
        self._fields = attrgetter(*names)
        self._encoders = tuple((i, codec[0]) for i, codec in enumerate(codecs) if codec and codec[0])
        self._decoders = tuple((i, codec[1]) for i, codec in enumerate(codecs) if codec)
        self._extra = tuple(extra)
        inserted = names + tuple(name for name, _ in self._extra)
        kept = {"tenant_id", "id", *fixed}
        changed = tuple(name for name in inserted if name not in kept)
        self.columns = Columns(inserted, names, changed)
        keys = [name for name in ("tenant_id", "id") if name in inserted]
        self._changed = itemgetter(*[inserted.index(name) for name in (*keys, *changed)])

    def encode(self, value: T) -> tuple[Value, ...]:
        """The values of `columns.inserted`."""
        row = list(self._fields(value))
        for index, encoder in self._encoders:
            row[index] = encoder(row[index])
        for _, extra in self._extra:
            row.append(extra(value))
        return tuple(row)

    def encode_change(self, value: T) -> tuple[Value, ...]:
        """Tenant, id, and the values of `columns.changed`."""
        changed: tuple[Value, ...] = self._changed(self.encode(value))
        return changed

    def decode(self, row: Iterable[Any]) -> T:
        """The noun, from the values of `columns.read`."""
        values = list(row)
        for index, decoder in self._decoders:
            values[index] = decoder(values[index])
        return self._noun(*values)


Codec = tuple[Callable[[Any], Value] | None, Callable[[Any], Any]]


def _codec(hint: Any) -> Codec | None:
    options = [one for one in get_args(hint) if one is not NoneType] if isinstance(hint, UnionType) else [hint]
    kind = options[0]
    if kind in _PLAIN:
        return None
    if kind is bool:
        return None, bool
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return None, _member(kind)
    if kind == tuple[str, ...]:
        return words_to_json, words_from_json
    decode = msgspec.json.Decoder(kind).decode
    return to_json, lambda text: None if text is None else decode(text)


def _member(kind: type[StrEnum]) -> Callable[[str | None], StrEnum | None]:
    members: dict[str | None, StrEnum | None] = {None: None, **{one.value: one for one in kind}}
    return members.__getitem__


json_bytes = msgspec.json.Encoder(order="sorted").encode
_from_json = msgspec.json.Decoder(tuple[str, ...]).decode


def to_json(value: object) -> str | None:
    """JSON text, keys sorted; None stays None."""
    return None if value is None else json_bytes(value).decode()


def words_to_json(words: tuple[str, ...] | list[str]) -> str:
    """JSON text of a list of strings."""
    return json_bytes(words).decode() if words else "[]"


def words_from_json(text: str) -> tuple[str, ...]:
    """The strings of a JSON list."""
    return _from_json(text) if text != "[]" else ()


# A word is a run of letters and digits. Scripts that put no spaces between words are cut into single characters, so that
# whatever was typed is found; the order of those does not count.
_WORD = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
MAX_WORDS = 400  # of one message
MAX_WORD = 60  # characters
WHOLE = 3  # a word shorter than this is only found whole, not as the beginning of others


_FOLDED = bytes(ord(chr(i).lower()) if chr(i).isascii() and chr(i).isalnum() else ord(" ") for i in range(256))  # of ASCII


def words_of(*texts: str) -> list[str]:
    """The words of some texts, each once, without regard to case: what is searched, and what is searched for."""
    text = " ".join(texts).replace("…", " ")  # where a preview was cut: most texts have nothing else beyond ASCII
    if text.isascii():
        found = text.encode().translate(_FOLDED).decode().split()
    else:
        found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    words = list(dict.fromkeys(found))
    return [word[:MAX_WORD] for word in words[:MAX_WORDS]] if len(text) > MAX_WORD else words


def matches(wanted: Iterable[str], words: Iterable[str]) -> bool:
    """Whether all wanted words are there: whole, or from WHOLE characters on as the beginning of one."""
    there = set(words)
    return all(one in there or (len(one) >= WHOLE and any(word.startswith(one) for word in there)) for one in wanted)


def message_words(message: model.Message) -> list[str]:
    """What a text filter finds a message by: the words of subject, addresses and preview."""
    return words_of(message.subject, message.header_from, *message.to, *message.cc, message.preview)


TENANT = Shape(model.Tenant)
KEY = Shape(model.ApiKey)
DOMAIN = Shape(model.Domain)
AGENT = Shape(model.Agent)
MAILBOX = Shape(
    model.Mailbox,
    # I8: these only rise, so nothing but `advance` may write them.
    fixed=("uid_validity", "uid_next", "modseq"),
    extra=[("address_key", lambda mailbox: mailbox.address.lower())],
)
# What the indexes are made of is changed by a statement of its own: most changes leave it as it is.
MESSAGE = Shape(model.Message, fixed=("mailbox_id", "thread_id", "created_at"))
THREAD = Shape(model.Thread, fixed=("mailbox_id", "created_at"))
DELIVERY = Shape(model.Delivery)
ATTEMPT = Shape(model.Attempt, fixed=("delivery_id", "message_id", "number", "started_at"))
SUPPRESSION = Shape(model.Suppression)
REPORT = Shape(model.Report)
APPROVAL = Shape(model.Approval)
EVENT = Shape(model.Event, extra=[("message_id", lambda event: event.data.get("message_id"))])
WEBHOOK = Shape(model.Webhook)
WEBHOOK_DELIVERY = Shape(model.WebhookDelivery)
AUDIT = Shape(model.AuditEntry)
SAVED_RESPONSE = Shape(SavedResponse)
