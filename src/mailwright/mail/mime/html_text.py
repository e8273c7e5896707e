"""What does this HTML say? Plain text out of it, good enough to read, to search and for previews.

No standard. Scripts, styles, comments and hidden elements are left out, links keep their address, quotes get "> ".
Pure, linear, no tree and no recursion; bounded in what it reads and in what it writes; never raises.
Not here: making HTML safe to show.
"""

# ruff: noqa: SIM905 - word lists read better as words

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailwright.mail.mime import unseen

MAX_QUOTES = 10  # "> " marks before a line
MAX_SKIPPED_TAGS = 3  # failed tries to read quoted attributes before quotes are no longer looked at

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,30})")
_TAG_END = re.compile(r"[^>\"']*+(?:\"[^\"]*+\"[^>\"']*+|'[^']*+'[^>\"']*+)*+>")
_ATTRIBUTE = re.compile(r"([A-Za-z-]{1,30})\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_HIDDEN_ATTRIBUTE = re.compile(r"\shidden(?:$|[\s=/])")
_VALUES = re.compile(r"\"[^\"]*+\"|'[^']*+'")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_MARK = re.compile(r"[<_=*~|-]")
_HUGE_REFERENCE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")

_RAW = frozenset(["script", "style", "textarea", "title", "xmp", "noembed", "noframes", "iframe"])
_DROPPED = frozenset(["head", "template", "object", "svg", "math", "select", "datalist", "audio", "video", "canvas"])
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_PARAGRAPHS = frozenset("p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre form fieldset hr figure".split())
_BLOCKS = _PARAGRAPHS | frozenset(
    "address article aside body center dd details div dt figcaption footer header html legend li main nav section"
    " summary tbody tfoot thead tr caption option".split()
)


@dataclass(slots=True)
class _Output:
    """Lines written so far, and the state of the line being written."""

    limit: int
    lines: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    space: bool = False  # a space is due before the next word
    blank: bool = False  # an empty line is due before the next line
    size: int = 0
    quotes: int = 0
    quotes_before: int = 0  # of the last line written
    pre: int = 0
    link: str = ""
    link_text: list[str] = field(default_factory=list)


def html_to_text(source: str, limit: int = 256 * 1024) -> str:
    """Plain text out of HTML: at most `limit` characters are read, and not many more are written."""
    source = source[:limit].replace("\0", "")
    out = _Output(limit + 1000)
    hidden, depth = "", 0  # the element whose content is left out, and how many of its name are open
    faint = unseen.Faint()
    tries = MAX_SKIPPED_TAGS
    at, last = 0, source.rfind(">")
    while at < len(source) and out.size < out.limit:
        opening = source.find("<", at)
        end_of_text = len(source) if opening < 0 else opening
        if not hidden and end_of_text > at and not faint.now:
            _write(out, source[at:end_of_text])
        if opening < 0:
            break
        match = _TAG.match(source, opening)
        if match is None or opening > last:
            at = _skip_markup(source, opening)
            if at == opening + 1 and not (hidden or faint.now):
                _write(out, "<")
            continue
        end_match = _TAG_END.match(source, match.end()) if tries else None
        if end_match is None:
            tries = max(0, tries - 1)
        at = source.index(">", match.end()) + 1 if end_match is None else end_match.end()
        name, closing = match[2].lower(), bool(match[1])
        attributes = source[match.end() : at - 1]
        if hidden:
            if not closing and (name == "body" if hidden == "head" else hidden == "p" and name in _BLOCKS):
                hidden = ""  # HTML lets </head> and </p> be left out here
                _element(out, name, closing, attributes)
            elif name == hidden:
                depth += -1 if closing else 0 if attributes.endswith("/") else 1
                hidden = hidden if depth else ""
        elif not closing and name in _RAW:
            at = _after_raw(source, at, name)
        elif not closing and name not in _VOID and (name in _DROPPED or _has_hidden(attributes)):
            hidden, depth = name, 1
        else:
            if closing:
                faint.close(name, name in _BLOCKS)
            elif (look := unseen.look(attributes)).hidden:
                hidden, depth = ("", 0) if name in _VOID else (name, 1)
                continue
            elif name not in _VOID:
                faint.open(name, look.faint, name in _BLOCKS)
            _element(out, name, closing, attributes)
    _end_line(out)
    return unseen.without_shapeless("\n".join(out.lines).strip("\n"))


def _skip_markup(source: str, at: int) -> int:
    """Behind a comment or declaration; one character further if it is neither."""
    if source.startswith("<!--", at):
        end = source.find("-->", at + 2)
        return len(source) if end < 0 else end + 3
    if source.startswith(("<!", "<?", "</"), at):
        end = source.find(">", at)
        return len(source) if end < 0 else end + 1
    return at + 1


def _after_raw(source: str, at: int, name: str) -> int:
    # Nothing in these elements is markup but their own end.
    match = _RAW_ENDS[name].search(source, at)
    return len(source) if match is None else match.start()


_RAW_ENDS = {name: re.compile(rf"</{name}", re.IGNORECASE) for name in _RAW}


def _has_hidden(attributes: str) -> bool:
    lower = attributes.lower()
    return "hidden" in lower and _HIDDEN_ATTRIBUTE.search(_VALUES.sub("", lower)) is not None


def _element(out: _Output, name: str, closing: bool, attributes: str) -> None:
    if name == "br":
        _end_line(out, keep_empty=True)
    elif name == "a":
        _link(out, closing, attributes)
    elif name == "img":
        alt = _attribute(attributes, "alt").strip()
        if alt and not {_attribute(attributes, "width"), _attribute(attributes, "height")} & {"0", "1"}:
            _write(out, alt)
    elif name in ("td", "th"):
        out.space = True
    elif name in _BLOCKS:
        _end_line(out)
        out.blank = out.blank or name in _PARAGRAPHS
        if name == "blockquote":
            out.quotes = max(0, out.quotes - 1) if closing else out.quotes + 1
        elif name == "pre":
            out.pre = max(0, out.pre - 1) if closing else out.pre + 1
        elif name == "li" and not closing:
            out.line.append("- ")
        elif name == "hr":
            out.line.append("---")
            _end_line(out)
            out.blank = True


def _link(out: _Output, closing: bool, attributes: str) -> None:
    if out.link:
        shown = "".join(out.link_text).strip()
        if shown and shown not in (out.link, out.link.removeprefix("mailto:")):
            _write(out, f" <{out.link}>", reference=False)
        out.link, out.link_text = "", []
    if not closing and "href" in attributes.lower():
        target = _attribute(attributes, "href").strip()
        if target[:8].lower().startswith(("http://", "https://", "mailto:")) and len(target) <= 2000:
            out.link = "".join(target.split()).replace("<", "%3C").replace(">", "%3E")


def _attribute(attributes: str, name: str) -> str:
    for match in _ATTRIBUTE.finditer(attributes):
        if match[1].lower() == name:
            return _unescape(match[2] or match[3] or match[4] or "")
    return ""


def _unescape(text: str) -> str:
    if "&" not in text:
        return text
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", text) if "&#" in text else text)


def _write(out: _Output, text: str, reference: bool = True) -> None:
    if reference:
        text = _unescape(text)
    if out.pre:
        first, *others = text.split("\n")
        out.line.append(first)
        for other in others:
            _end_line(out, keep_empty=True)
            out.line.append(other)
        out.size += len(text)
        return
    words = _SPACES.sub(" ", text)
    if out.link and reference:
        out.link_text.append(words)
    if words.startswith(" "):
        out.space = True
    core = words.strip(" ")
    if not core:
        out.space = out.space or bool(words)
        return
    if out.space and out.line and not out.line[-1].endswith(" "):
        out.line.append(" ")
    out.line.append(core)
    out.size += len(core) + 1
    out.space = words.endswith(" ")


def _end_line(out: _Output, keep_empty: bool = False) -> None:
    line = "".join(out.line).rstrip(" \t")
    out.line, out.space = [], False
    if not line and not keep_empty:
        return
    quotes = min(out.quotes, MAX_QUOTES)
    mark = "> " * quotes
    if out.blank and out.lines:
        out.lines.append(("> " * min(quotes, out.quotes_before)).rstrip())
    out.blank, out.quotes_before = False, quotes
    out.lines.append((mark + line).rstrip() if mark else line)
    out.size += len(mark) + 1


def _is_ornament(word: str) -> bool:
    return word.startswith(("<http://", "<https://", "<mailto:")) or not word.strip("-_=*~|")


def _lines(text: str) -> Iterator[str]:
    """The lines one by one: the first are mostly enough."""
    at = 0
    while (end := text.find("\n", at)) >= 0:
        yield text[at:end]
        at = end + 1
    yield text[at:]


def preview(text: str, length: int = 200) -> str:
    """The beginning of a text on one line of about `length` characters: no quotes, no signature, no addresses of links."""
    words: list[str] = []
    size = 0
    quoted = ""
    for line in _lines(text[: length * 50]):
        line = line.strip()
        if line.startswith(">"):
            quoted = quoted or line.lstrip("> ")
            continue
        if line == "--" and words:
            break
        more = line.split()
        if _MARK.search(line):
            more = [word for word in more if not (_MARK.match(word) and _is_ornament(word))]
        words += more
        size += sum(map(len, more)) + len(more)
        if size > length:
            break
    shown = " ".join(words) or " ".join(quoted.split())
    if len(shown) <= length:
        return shown
    cut = shown.rfind(" ", length // 2, length)
    return shown[: cut if cut > 0 else length - 1].rstrip() + "…"
