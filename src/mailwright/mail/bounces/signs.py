"""By what is a bounce known that has no standard form? Each sign counts; one alone is not enough.

A person's letter about undelivered mail has the words but no daemon's name; an answer from somebody who is away comes with the
null path but without the words.
"""

from __future__ import annotations

import re

from mailwright.mail.address import parse_address_list
from mailwright.mail.dsn import is_automatic
from mailwright.mail.dsn.automatic import Automatic
from mailwright.mail.header import Header
from mailwright.mail.words import decode_unstructured

ENOUGH = 3
MAX_SUBJECT = 500

_DAEMON = re.compile(
    r"^(?:mailer[-_.]?daemon|mail[-_.]?daemon|post[-_.]?master|mail[-_.]?system|mdaemon|bounces?)(?:[-+._@]|$)"
    r"|^microsoftexchange[0-9a-f]{6,40}@",
    re.I,
)
_POSTMASTER = re.compile(r"^post[-_.]?master@", re.I)  # a daemon's name and a person's
_NOBODY = re.compile(r"^(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|sysadmin|administrator|admin)@", re.I)
# The patterns from here on are for text in lower case, which is found several times faster than in any case.
_SUBJECT = re.compile(
    r"undeliver|(?:non.?|un)deliver|returned (?:e?-?mail|to sender)|return(?:ing|ed) message"
    r"|delivery (?:status|fail|problem|error|warning|notification|has failed|report)"
    r"|(?:mail|message)(?: delivery)?(?: has)? (?:fail|error)|failure (?:notice|delivery)|delivery failure"
    r"|could not be delivered|not delivered|error sending (?:your mail|message)|mail system error|delayed \d"
    r"|warning: (?:message|could not send)"
    r"|mail delivery status|unzustellbar|nicht zugestellt|zustell(?:fehler|ung fehlgeschlagen)|fehler bei der zustellung"
    r"|non remis|échec de (?:la )?(?:remise|distribution|livraison)|echec de (?:la )?(?:remise|distribution)"
    r"|no (?:se pudo entregar|se puede entregar|entregad)|non (?:è )?(?:stato )?recapita|mancata consegna|errore di recapito"
    r"|não (?:entregue|é possível entregar|foi entregue)|falha na entrega|onbestelbaar|olevererbart|ej levererba"
    r"|kan ikke levere|ikke lever(?:et|t)|toimittamaton|niedostarcz|nie można dostarczyć"
    r"|nedoručiteln|doručení se nezdařilo|kézbesíthetetlen"
    r"|teslim edilemedi|недоставлен|не доставлен|не удается доставить|не удалось доставить|ошибка доставки"
    r"|未能送达|配信できない"
    r"|メールエラー|送信エラー|配信エラー|配信不能|반송|전송 ?실패|배달 ?실패|退信|无法送达|無法送達|退回",
)
_FAILED = re.compile(
    r"(?:could|can|was|were|has|have|did|been|are|is)(?: ?not|n.t) (?:yet )?(?:be(?:en)? )?(?:deliver|reach|sent)|undeliver"
    r"|unable to (?:deliver|send|relay)|not able to deliver|delivery (?:has |to [^\n]{0,80} )?(?:fail|been delayed)"
    r"|failed (?:permanently|address)|address(?:\(es\)|es)? (?:failed|had (?!success))|permanent(?:ly)? (?:fatal )?error"
    r"|returned to (?:the )?sender|(?:error|trouble) [^\n]{0,60}(?:deliver|sending)|rejected by|transcript of session"
    r"|(?:failed|rejected|invalid|unknown) recipient|unknown user|user unknown|(?:final|invalid)[^\n]{0,20}user"
    r"|mail(?:box|folder) (?:is )?(?:full|over)|failure reason|could not deliver|failed after i sent|message expired"
    r"|no valid recipients|(?:mail|message) (?:has been|was|is being) returned|(?:has|have) been postponed"
    r"|no such user|invalid user"
    r"|nicht zugestellt|pas pu être (?:remis|distribu|livr)|no (?:ha podido|pudo) (?:ser )?entrega"
    r"|non è stato (?:consegnat|recapitat)"
    r"|não (?:foi|pôde ser|pode ser) entreg|не (?:было|был|удалось|может быть) достав"
    r"|전송할 수 없|배달할 수 없|배달되지|送信できません|配信できま|配送できま|无法送达|無法送達|未送达|投递失败",
)
_NAMED = re.compile(r"^[ \t]{0,4}<[^<>\s@]{1,64}@[^<>\s]{3,200}>:\s*$", re.MULTILINE)  # what follows is said of that address
_DIRECT = re.compile(
    r"not be delivered to:?\s{0,4}<|unable to deliver (?:message )?to:?\s{0,4}<"
    r"|<[^>\s]{3,200}>:\s{0,4}[^\n]{0,200}\b[45]\d\d\b",
)
_SMTP_REPLY = re.compile(
    r"(?:^|[\s:'\"(#\[])(?:[45]\d\d[ -][45]\.\d{1,3}\.\d{1,3}\b|(?:said|reason|returned|error):? {1,4}'?[45]\d\d\b"
    r"|error message below:\s{1,4}[45]\d\d\b)"
)
_AWAY = re.compile(
    r"out of (?:the )?office|vacation|auto(?:matic|mated)?[- ]?(?:reply|response|answer)|away from|abwesen|absen[ct]|on leave"
    r"|urlaub|fuera de|afwezig|不在",
)


_ANSWERED = re.compile(r"(?:re|aw|antw|sv|fwd?|wg|tr|rv|enc)(?:\[\d\])?:", re.IGNORECASE)
_LISTS = frozenset(["list-id", "list-unsubscribe", "list-post"])
_ARRIVED = re.compile(r"success(?:fully|ful)(?: mail| message)? deliver|delivered successfully|was delivered to")
_WAITING = re.compile(
    r"(?:has|have|been|is) (?:been )?delayed|not yet been delivered|will be retried|will (?:keep|continue) (?:to )?try"
    r"|attempts will continue|warning message only|temporary failure report|do not need to re-?send",
)


def still_trying(words: str) -> bool:
    """Whether a bounce is a warning: whoever wrote it goes on trying."""
    return _WAITING.search(words.lower()) is not None


def arrived(words: str) -> bool:
    """Whether a report in words is of a delivery, and of no failure."""
    words = words.lower()
    return _ARRIVED.search(words) is not None and not _FAILED.search(words.replace("transcript of session", ""))


def signs_of(header: Header, mail_from: str | None) -> int:
    """In how many respects a header is that of a bounce. `mail_from` is the reverse path, None where it is not known."""
    path = mail_from if mail_from is not None else (header.value("return-path") or "?").strip("<> ")
    author = (header.value("from") or "").strip()
    addresses = [one.addr_spec for one in parse_address_list(author).mailboxes[:3]] or [author.strip("<> ")]
    daemon = not author.strip("<> ") or "<>" in author or "<@>" in author or any(_DAEMON.match(one) for one in addresses)
    subject = _subject(header)
    about = _SUBJECT.search(subject) and (daemon or not _ANSWERED.match(subject))
    signs = 2 * bool(about) + 2 * daemon + (path == "" or bool(_DAEMON.match(path) and not _POSTMASTER.match(path)))
    signs += any(_NOBODY.match(one) for one in addresses) - 3 * bool(_AWAY.search(subject))
    return signs if path == "" else signs - _against(header, path, addresses, daemon=daemon)


def _against(header: Header, path: str, addresses: list[str], *, daemon: bool) -> int:
    """In how many respects a message without the null path, which reports have (RFC 5321 §4.5.5), is none."""
    known_path = path != "?" and not _DAEMON.match(path)
    a_list = 3 * (not _LISTS.isdisjoint(header.names))
    if daemon:
        return known_path + a_list + any(_POSTMASTER.match(one) for one in addresses)
    bulk = (header.value("precedence") or "").lower() in ("bulk", "list")
    # People forward bounces, and ask what they mean.
    return known_path + a_list + 2 + bulk + 2 * (header.first("in-reply-to") is not None)


def signs_in(words: str) -> int:
    """In how many respects a text is that of a bounce."""
    words = words.lower()
    return (
        bool(_FAILED.search(words))
        + bool(_NAMED.search(words))
        + bool(_SMTP_REPLY.search(words))
        + 2 * bool(_DIRECT.search(words))
    )


def is_answer(header: Header, mail_from: str | None) -> bool:
    """Whether a machine wrote it in somebody's absence (RFC 3834)."""
    sign = is_automatic(header, mail_from)
    answers = (Automatic.AUTO_SUBMITTED, Automatic.NULL_PATH)
    return sign in answers or (sign is not None and bool(_AWAY.search(_subject(header))))


def _subject(header: Header) -> str:
    return decode_unstructured((header.value("subject") or "")[:MAX_SUBJECT]).lower()
