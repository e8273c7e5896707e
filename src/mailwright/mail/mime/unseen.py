"""What does a message show to nobody? Elements that their own style hides, and characters without a shape (S27).

Whoever writes to an agent may write what a person beside it can't see. Standards: CSS 2.2 §4.1 (declarations, escapes), Unicode
§23.9 (tags). Pure, linear, never raises. Styles by class are not read: a style sheet can hide anything.
Not here: elements that never show (html_text.py).
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

MAX_STYLE = 4000  # characters of one element's style
MAX_FRAMES = 200
MAX_KNOWN = 400  # characters of attributes that are remembered
TINY = 2.5  # CSS pixels of a font, and less: nobody reads that
AWAY = -300.0  # CSS pixels to the left of or above the page

_STYLE = re.compile(r"(?:^|[\s/\"'])style\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?")
_LENGTH = re.compile(r"([+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}))([a-z]{1,4}|%)?")
_PIXELS = {"": 1.0, "px": 1.0, "pt": 1.33, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78, "em": 16.0, "rem": 16.0, "%": 0.16}
_RELATIVE = frozenset(["em", "ex", "ch", "%"])
_NOTHING = re.compile(r"rect\((?:[01](?:px)?[,\s]*){4}\)|inset\((?:50|100)%.*|circle\(0.*|scale[xy3d]*\(0(?:\.0+)?(?:,.*)?\)")
_CLEAR = re.compile(r"transparent|(?:rgb|hsl)a?\((?:(?:[^,)]*,){3}|[^/)]*/)\s*0?\.?0+%?\s*\)")
_NAMED = {"white": "#ffffff", "black": "#000000"}
_NUMBERS = re.compile(r"rgba?\(\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*(?:,\s*1(?:\.0*)?\s*)?\)")
# Tags write text that no font shows, but in the flags of some countries; rows of variation selectors carry octets.
_SHAPELESS = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)"
    "|[\U000e0000-\U000e007f]+|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}"
)


def without_shapeless(text: str) -> str:
    """The text without characters that no reader sees."""
    return text if text.isascii() else _SHAPELESS.sub(lambda found: found[1] or "", text)


class Faintness(NamedTuple):
    """What an element changes for the text in it: too small, in no colour. None: nothing."""

    tiny: bool | None = None
    clear: bool | None = None


class Look(NamedTuple):
    """What an element's own style comes to: nothing in it is seen, whatever stands there; or text in it is faint."""

    hidden: bool
    faint: Faintness


_PLAIN = Look(False, Faintness())


def look(attributes: str) -> Look:
    """What an element with these attributes looks like."""
    if "style" not in attributes and "style" not in attributes.lower():
        return _PLAIN
    return _known(attributes) if len(attributes) <= MAX_KNOWN else _look(attributes)


def _look(attributes: str) -> Look:
    style = declarations(attributes)
    return Look(hides(style), faintness(style))


_known = lru_cache(maxsize=256)(_look)  # a page has few styles and many elements


def declarations(attributes: str) -> dict[str, str]:
    """An element's own style, by property, as a browser reads it."""
    found = _STYLE.search(attributes)
    if found is None:
        return {}
    text = html.unescape((found[1] or found[2] or found[3] or "")[:MAX_STYLE])
    first, *commented = text.split("/*")
    text = first + "".join(one.partition("*/")[2] for one in commented)
    text = _ESCAPE.sub(lambda code: chr(min(int(code[1], 16), 0xFFFF)), text).lower()
    pairs = (one.partition(":") for one in text.split(";"))
    return {"".join(name.split()): value.replace("!important", "").strip() for name, _, value in pairs}


def hides(style: Mapping[str, str]) -> bool:
    """Whether nothing in an element of this style is seen, whatever styles there are in it."""
    if not style:
        return False
    get = style.get
    if get("display") == "none" or get("visibility") in ("hidden", "collapse") or get("content-visibility") == "hidden":
        return True
    if get("mso-hide") == "all" or _at_most(get("opacity"), 0.05) or _at_most(get("max-height"), 1):
        return True
    if get("overflow", "")[:6] in ("hidden", "clip") and any(_at_most(get(one), 1) for one in ("height", "width", "max-width")):
        return True
    if get("position") in ("absolute", "fixed") and any(_at_most(get(one), AWAY) for one in ("left", "top", "right", "bottom")):
        return True
    if _at_most(get("text-indent"), AWAY) or _at_most(get("margin-left"), AWAY):
        return True
    return any(_NOTHING.fullmatch("".join(get(one, "").split())) for one in ("clip", "clip-path", "transform"))


def faintness(style: Mapping[str, str]) -> Faintness:
    """What this style does to text, which elements further in may undo."""
    return Faintness(_tiny(style), _clear(style)) if style else Faintness()


def _tiny(style: Mapping[str, str]) -> bool | None:
    sizes = [style["font-size"]] if "font-size" in style else [one.partition("/")[0] for one in style.get("font", "").split()]
    for size in sizes:
        found = _LENGTH.fullmatch(size)
        if found is not None and (found[2] or float(found[1]) == 0):
            small = _pixels(size, TINY + 1) <= TINY
            return small or (None if found[2] in _RELATIVE else False)
    return False if "medium" in sizes or "small" in sizes or "large" in sizes else None


def _clear(style: Mapping[str, str]) -> bool | None:
    colour = style.get("color")
    if colour is None or colour == "inherit":
        return None
    ground = style.get("background-color") or style.get("background", "")
    return _CLEAR.fullmatch(colour) is not None or _colour(colour) == _colour(ground)


def _colour(text: str) -> str:
    if (found := _NUMBERS.fullmatch(text)) is not None:
        return "#" + "".join(f"{min(int(one), 255):02x}" for one in found.groups())
    if len(text) == 4 and text[0] == "#":
        return "#" + "".join(one * 2 for one in text[1:])
    return _NAMED.get(text, text)


def _at_most(value: str | None, limit: float) -> bool:
    return value is not None and _pixels(value, limit + 1) <= limit


def _pixels(value: str, otherwise: float) -> float:
    found = _LENGTH.fullmatch(value)
    return otherwise if found is None or (found[2] or "") not in _PIXELS else float(found[1]) * _PIXELS[found[2] or ""]


@dataclass(slots=True)
class _Frame:
    """An element that changed something, how many of its name are open, and how many blocks in it."""

    name: str
    faint: Faintness
    depth: int = 1
    blocks: int = 0


@dataclass(slots=True)
class Faint:
    """Which text is too small or in no colour just now: the elements that said so, outermost first."""

    frames: list[_Frame] = field(default_factory=list)

    @property
    def now(self) -> bool:
        """Whether text here is seen by nobody."""
        return bool(self.frames) and any(self.frames[-1].faint)

    def open(self, name: str, change: Faintness, block: bool) -> None:
        """An element begins."""
        if not self.frames and change == _PLAIN.faint:
            return
        last = self.frames[-1] if self.frames else None
        before = last.faint if last is not None else Faintness(False, False)
        after = Faintness(*(old if new is None else new for old, new in zip(before, change, strict=True)))
        if after != before and len(self.frames) < MAX_FRAMES:
            self.frames.append(_Frame(name, after))
        elif last is not None and last.name == name:
            last.depth += 1
        elif last is not None and block:
            last.blocks += 1

    def close(self, name: str, block: bool) -> None:
        """An element ends; with a block that began outside of it, so does whatever was left open."""
        while self.frames:
            last = self.frames[-1]
            if last.name == name:
                last.depth -= 1
            elif block and last.blocks:
                last.blocks -= 1
            elif not block:
                return
            else:
                self.frames.pop()
                continue
            if last.depth == 0:
                self.frames.pop()
            return
