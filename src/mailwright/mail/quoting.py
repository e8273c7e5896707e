"""What is new in a reply?

Standards: none; RFC 3676 §4.3 has the signature line, the rest is what mail programs do, in the languages they speak.
Pure, linear, bounded: only the first `MAX_LINES` lines and `MAX_TEXT` characters are looked at, all that follows is kept
or cut with them. When in doubt, text is kept: answers between or below quotations are never lost, and a forward is
new in whole.
Not here: quotations in HTML, writing quotations (compose).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

MAX_TEXT = 64 * 1024
MAX_LINES = 2000
_MAX_SIGNATURE = 20  # lines
_MAX_ATTRIBUTION = 500  # characters
_MAX_TRIES = 50  # lines that look like the beginning of a quotation and are none; after that, all is kept
_WRAPPED = 60  # a quoted line this long may have been broken by a mail program


class NewText(NamedTuple):
    """`text` is what the writer of the reply wrote; the quotation begins at `quoted_at` of the whole, its length if none."""

    text: str
    quoted_at: int


class _Kind(Enum):
    QUOTED = "lines with > in front"
    REST = "everything that follows"


class _Mark(NamedTuple):
    kind: _Kind
    at: int  # the first line that is not the writer's: an attribution, a divider, or the quotation itself
    quotation: int  # the first line of the quotation itself


def new_text(text: str) -> NewText:
    """The new part of a plain-text reply, without quotation and signature.

    Below or between the lines of a quotation there may be answers: one block of quotation above all text is cut off, and
    where text stands before and behind a quotation all of it is new, since it says little without what it answers.
    """
    lines = text[:MAX_TEXT].split("\n", MAX_LINES)[:MAX_LINES]
    begin, end, mark = _own_lines(lines)
    starts = _offset(lines, begin)
    # Where nothing was cut at the end, what was not looked at is kept.
    stops = _offset(lines, end) if end < len(lines) else len(text)
    quoted_at = len(text) if mark is None else _offset(lines, mark)
    own = text[starts:stops]
    return NewText(_without_signature(own).strip("\r\n").rstrip(), quoted_at)


def _offset(lines: list[str], number: int) -> int:
    return sum(map(len, lines[:number])) + number


def _own_lines(lines: list[str]) -> tuple[int, int, int | None]:
    """First and last (exclusive) line of what is new, and the line where a quotation begins."""
    whole = (0, len(lines), None)
    mark = _next_mark(lines, 0)
    if mark is None:
        return whole
    while mark.kind is _Kind.REST and not any(map(str.strip, lines[: mark.at])):
        # With nothing above it, it can't be a quotation under an answer: a pasted header, say.
        if (mark := _next_mark(lines, mark.quotation + 1)) is None:
            return whole
    if mark.kind is _Kind.REST:
        return 0, mark.at, mark.at
    before = any(map(str.strip, lines[: mark.at]))
    behind = _text_behind(lines, mark)
    if behind is None:
        bare = mark.at == mark.quotation
        return whole if bare and before and not _is_quotation(lines, mark) else (0, mark.at, mark.at)
    if before:
        return whole
    later = _next_mark(lines, behind)
    if later is None:
        return behind, len(lines), mark.at
    if later.at == behind or (later.kind is _Kind.QUOTED and _text_behind(lines, later) is not None):
        return whole
    return behind, later.at, mark.at


def _is_quotation(lines: list[str], mark: _Mark) -> bool:
    """Whether lines with ">" at the end of a text, without attribution, are more than an example that the text gives."""
    lead = next((line.strip() for line in reversed(lines[: mark.at]) if line.strip()), "")
    quoted = [line for line in lines[mark.quotation :] if line.strip()]
    inner = quoted[0].strip("> \t\r")
    return _is_attribution(inner, True) or (len(quoted) > 1 and not lead.endswith((":", "：")))


def _next_mark(lines: list[str], start: int) -> _Mark | None:
    tries = 0
    for at in range(start, len(lines)):
        line = lines[at].strip()
        if not line:
            continue
        if tries > _MAX_TRIES:
            break
        if line[0] == ">" and line != ">:":
            return _Mark(_Kind.QUOTED, at, at)
        if line[0] in "-–—_*=" or line[-1] in ":：":
            if _FORWARDED.match(line):
                return None
            if _ORIGINAL.match(line):
                return _Mark(_Kind.REST, at, at + 1)
            tries += 1
            if (first := _attribution(lines, at, start)) is not None:
                quotation = _text_line(lines, at + 1)
                quoted = quotation is not None and lines[quotation].lstrip()[0] == ">"
                return _Mark(_Kind.QUOTED if quoted else _Kind.REST, first, quotation if quoted and quotation else at + 1)
        if (":" in line or "：" in line) and _label(line):
            tries += 1
            if not _is_header_block(lines, at):
                continue
            ruler = _text_line_above(lines, at, start)
            above = ruler is not None and _RULER.fullmatch(lines[ruler].strip())
            return _Mark(_Kind.REST, ruler if above and ruler is not None else at, at)
    return None


def _text_line(lines: list[str], start: int) -> int | None:
    return next((at for at in range(start, len(lines)) if lines[at].strip()), None)


def _text_line_above(lines: list[str], start: int, limit: int) -> int | None:
    return next((at for at in range(start - 1, max(limit, start - 3) - 1, -1) if lines[at].strip()), None)


def _text_behind(lines: list[str], mark: _Mark) -> int | None:
    """The first line of the writer's own behind a quotation that is marked line by line; None if there is none."""
    at, last = mark.quotation, mark.quotation
    while at < len(lines):
        line = lines[at].strip()
        if line[:1] == ">":
            last = at
        elif line:
            # A line that a mail program broke off the quoted one above it.
            wrapped = at == last + 1 and len(lines[last].rstrip()) >= _WRAPPED and lines[at + 1 : at + 2] != []
            if not (wrapped and lines[at + 1].lstrip()[:1] == ">"):
                break
        at += 1
    if at == len(lines) or _FOOTER.fullmatch(lines[at].strip()) or _is_mobile(lines[at].strip()):
        return None
    return at


# Attributions: "On 20 Nov 2026, Bob wrote:". Openers, verbs and what must stand beside them.

_OPENER = re.compile(
    r"(?:[-–—]{2,} ?)?(?:On|Le|Am|Il|El|Em|Op|Den|Dnia|W dniu|Dne|Dňa|Vào|Pada|Na|På|Kl|În|In data|A\(z\)|Στις|V)\b",
    re.IGNORECASE,
)
_VERBS = r"""wrote|writes|sent|a\sécrit|escribió|escribio|escreveu|ha scritto|geschreven|geschrieben|schrieb|schreef|skrev
napisał|napisał\(a\)|napisała|написал|написала|написал\(а\)|пишет|пише|написа|yazdı|kirjoitti|napsal|napsal\(a\)|napsala
napísal|írta|έγραψε|đã viết|a scris|je napisao|je napisala|menulis|写道|寫道|님이 작성|のメール""".replace("\n", "|")
_ENDS_WITH_VERB = re.compile(rf"(?:{_VERBS}) ?(?:[:：]|[-–—]{{2,}})$", re.IGNORECASE)
_LONGEST_END = 24  # characters of a verb with its colon or dashes
_VERB_THEN_NAME = re.compile(r"\b(?:schrieb|skrev|schreef|napsal) .")
_TIME = re.compile(r"\d{1,2}[:.h]\d\d")
_DATE = re.compile(r"(?<!\d)(?:(?:19|20)\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})(?!\d)")


def _attribution(lines: list[str], last: int, limit: int) -> int | None:
    """The first line of the attribution that ends in line `last`; None if none does. It may be wrapped over four lines."""
    if not _may_end_attribution(lines[last].rstrip()):
        return None
    below = _text_line(lines, last + 1)
    above_quotation = below is not None and lines[below].lstrip()[0] == ">"
    joined, found = "", None
    for at in range(last, max(limit, last - 3) - 1, -1):
        line = lines[at].strip()
        if not line or (line[0] == ">" and line != ">:") or len(joined) + len(line) > _MAX_ATTRIBUTION:
            break
        joined = f"{line} {joined}".rstrip()
        accepted = _is_attribution(joined, above_quotation)
        if accepted and _OPENER.match(joined):
            return at
        if accepted:
            found = at
        if found is not None and not _continues(lines, at, limit):
            break
    return found


def _may_end_attribution(line: str) -> bool:
    """A quick look, so that not every line with a colon at its end is taken apart."""
    end = line[-_LONGEST_END:]
    if "@" in line or end.endswith(">:") or _DATE.search(line[:_MAX_ATTRIBUTION]) or _ENDS_WITH_VERB.search(end):
        return True
    return _VERB_THEN_NAME.search(line[:_MAX_ATTRIBUTION]) is not None


def _continues(lines: list[str], at: int, limit: int) -> bool:
    above = lines[at - 1].rstrip() if at > limit else ""
    return bool(above) and (lines[at].lstrip()[0] in "<>(" or above[-1] in "<,(" or lines[at].lstrip()[0].islower())


def _is_attribution(text: str, above_quotation: bool) -> bool:
    address, time, date = "@" in text, bool(_TIME.search(text)), bool(_DATE.search(text))
    ended = text.endswith((":", "："))
    if _ENDS_WITH_VERB.search(text[-_LONGEST_END:]) or (ended and _VERB_THEN_NAME.search(text)):
        if _OPENER.match(text):
            return address or date or above_quotation
        return address or (above_quotation and (time or date))
    if ended and above_quotation and (address or (time and date)):
        return True  # in whatever language
    # Some programs leave out the verb: "30.09.2026, 18:30, "Bob" <bob@there.example>:"
    return address and time and date and text.endswith((">:", ">："))


# Dividers and header blocks, which Outlook and its kin put above what they quote.

_ORIGINALS = """original message|original appointment|reply message|ursprüngliche nachricht|originalnachricht|message d'origine
message original|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|originele bericht
oprindelig besked|oprindelig meddelelse|opprinnelig melding|ursprungligt meddelande|alkuperäinen viesti|wiadomość oryginalna
oryginalna wiadomość|исходное сообщение|původní zpráva|eredeti üzenet|orijinal ileti|orijinal mesaj|原始邮件|原始郵件|邮件原件
元のメッセージ|원본 메시지""".replace("\n", "|")
_FORWARDS = """forwarded message|weitergeleitete nachricht|message transféré|mensaje reenviado|mensagem encaminhada
messaggio inoltrato|doorgestuurd bericht|videresendt|vidarebefordrat|пересылаемое сообщение|转发""".replace("\n", "|")
_ORIGINAL = re.compile(rf"[-–—_*=]{{2,}} ?(?:{_ORIGINALS}) ?[-–—_*=]{{2,}}$", re.IGNORECASE)
_FORWARDED = re.compile(rf"[-–—_*=]{{2,}} ?(?:{_FORWARDS})|begin forwarded message:", re.IGNORECASE)
_RULER = re.compile(r"[-–—_]{5,}")
_FOOTER = re.compile(r"--|---|_{5,}|__")
_FROM_WORDS = "from von de da van fra från od от відправник 发件人 寄件者 差出人 kimden lähettäjä feladó"
_OTHER_WORDS = """sent date to cc subject gesendet datum an kopie betreff envoyé à a objet copie enviado fecha data para asunto
assunto inviato oggetto verzonden aan onderwerp sendt dato til kopi emne skickat till ämne wysłano do dw temat
отправлено дата кому копия тема 发送时间 发送日期 日期 收件人 抄送 主题 送信日時 日時 宛先 件名 寄件日期 收件者 主旨
gönderildi kime konu lähetetty vastaanottaja aihe küldve címzett tárgy message_du importance reply-to"""
_FROM = frozenset(_FROM_WORDS.split())
_LABELS = _FROM | frozenset(_OTHER_WORDS.split())


def _label(line: str) -> str:
    """The name of a header line, as "from" in "*From:* Bob"; "" if it is none."""
    head, colon, _ = line.replace("：", ":").partition(":")
    if not colon or len(head) > 24:
        return ""
    name = "_".join(head.strip("* \t\u00a0").casefold().split())
    name = name.removesuffix("_el").removesuffix("_em")
    return name if name in _LABELS else ""


def _is_header_block(lines: list[str], at: int) -> bool:
    """Whether a header stands here: "From:" and two other fields at least, and an address or a fourth field."""
    names: set[str] = set()
    address, gap = False, 0
    for line in map(str.strip, lines[at : at + 12]):
        name = _label(line)
        if not line or (not name and gap):
            break
        gap = 0 if name else 1  # one line that goes on with the field above
        names |= {name} if name else set()
        address = address or "@" in line
    return bool(names & _FROM) and len(names) >= (3 if address else 4)


# Signatures

# In English anything may follow; elsewhere the words are common ones, so a device or program must be named.
_MOBILE_SENT = """Envoyé (?:de|depuis|à partir de)|Von mein(?:em|er)|Gesendet (?:von|mit|aus)|Inviato da|Skickat från
Enviado (?:desde|do|de|a partir de)|Sendt fra|Verstuurd vanaf|Verzonden (?:vanaf|met)|Wysłane z|Отправлено (?:с|из)
Lähetetty|Odesláno z""".replace("\n", "|")
_DEVICE = """iPhone|iPad|iPod|Android|Samsung|Galaxy|Huawei|Xiaomi|BlackBerry|Outlook|Mail|Yahoo|Gmail|Proton
smartphone|mobil|telefon|Handy""".replace("\n", "|")
_MY_DEVICE = "Sent (?:from|via) (?:my |Mail|Outlook|Yahoo|Samsung|Gmail|Proton)|Get Outlook for |發自我的|从我的|iPhoneから送信"
_WORDS = "[^,;:!?]"
_LINK = "(?:<?https?://[^ ]*)?"
_MOBILE = re.compile(
    rf"(?:{_MY_DEVICE}){_WORDS}{{0,80}}{_LINK}|(?:{_MOBILE_SENT}) {_WORDS}{{0,30}}\b(?:{_DEVICE}){_WORDS}{{0,60}}{_LINK}",
    re.IGNORECASE,
)


def _without_signature(text: str) -> str:
    """The text without a signature at its end: what follows "-- ", or the line of a telephone."""
    lines = text.rstrip("\r\n").split("\n")
    for at in range(len(lines) - 1, max(0, len(lines) - _MAX_SIGNATURE) - 1, -1):
        line = lines[at].rstrip("\r")
        # RFC 3676 §4.3; where the space was lost, an empty line must stand above.
        if line in ("-- ", "--\u00a0") or (line == "--" and at and not lines[at - 1].strip()):
            lines = lines[:at]
            break
    while lines and (not lines[-1].strip() or _is_mobile(lines[-1].strip())):
        lines.pop()
    return "\n".join(lines)


def _is_mobile(line: str) -> bool:
    return len(line) <= 120 and len(line.split()) <= 8 and _MOBILE.fullmatch(line) is not None
