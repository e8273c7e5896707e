"""What any client at all might say, as Hypothesis strategies: each with what it means to smtp_model.py.

Standards: RFC 5321 §4.1.1 and §4.5.2, RFC 3030 §2, RFC 4954 §4.
"""

from __future__ import annotations

from hypothesis import strategies as st
from smtp_model import Said
from smtp_script import plain

OUT_OF_STEP = [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\r\n", b"NOOP\n", b"RSET\rNOOP\r\n", b"MAIL FROM:<a\0@there.example>\r\n"]
NONSENSE = [
    b"WHO ARE YOU\r\n", b"\r\n", b"XCLIENT ADDR=192.0.2.1\r\n", b"ETRN here.example\r\n", b"NOOP" + b" " * 600 + b"\r\n",
    b"MAIL FROM:<" + b"a" * 2048 + b"@there.example>\r\n", b"x" * 13000 + b"\r\n", b"VRFY \xff\r\n",
]  # fmt: skip
PATHS = ["ada@there.example", '"a b"@there.example', "nodata@there.example", ""]
PEOPLE = ["bob@here.example", "carol@here.example", '"b\\"ob"@here.example', "bob@[192.0.2.1]"]
BAD_PATHS = ["FROM:ada@there.example", "FROM:<ada@there.example", "<ada@there.example>", "FROM:<ada@@there.example>", ""]
BAD_MAIL = ["SIZE=x", "SIZE=99999", "BODY=BINARYMIME", "RET=ALL", "XYZ=1", "SIZE=1 SIZE=1"]
LINES = st.sampled_from(
    [b"", b".", b"..", b".x", b"Subject: x", b"QUIT", b"MAIL FROM:<eve@evil.example>", b"x" * 60, "ö".encode()]
)
BAD_LINES = st.sampled_from(
    [b"x" * 100, b"a\nb", b"a\rb", b"\n.\n", b"\r.\r", b"a\n.", b"\0", b"\r", b"X-Refuse: 1", b"y" * 78 + b"\r"]
)


def command(verb: str, argument: str = "", **meaning: object) -> Said:
    return Said(f"{verb} {argument}".rstrip(" ").encode() + b"\r\n", verb.upper(), **meaning)  # type: ignore[arg-type]


def stuffed(text: bytes) -> bytes:
    """As RFC 5321 §4.5.2 has it, by lines."""
    lines = text.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


def message(text: bytes) -> Said:
    """What comes after 354."""
    return Said(stuffed(text) + b".\r\n", "TEXT", text=text, last=True)


def chunk(text: bytes, last: bool) -> Said:
    return Said(f"BDAT {len(text)}{' LAST' if last else ''}\r\n".encode() + text, "BDAT", text=text, last=last)


def text_of(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


GOOD_TEXTS, ODD_TEXTS = st.lists(LINES, max_size=9).map(text_of), st.lists(LINES | BAD_LINES, max_size=9).map(text_of)
TEXTS = GOOD_TEXTS | GOOD_TEXTS | ODD_TEXTS
CUTS = st.lists(st.integers(1, 500), max_size=6)
MAIL, RCPT = (
    command("MAIL", "FROM:<ada@there.example>", path="ada@there.example"),
    command("RCPT", "TO:<x@y.example>", path="x@y.example"),
)
SIMPLE = st.sampled_from([
    command("NOOP"), command("noop", "x"), command("HELP"), command("VRFY", "bob"), command("VRFY", good=False),
    command("EXPN", "all"), command("RSET"), command("rset"), command("RSET", "x", good=False),
    command("QUIT", "x", good=False), command("DATA", "x", good=False), command("STARTTLS", "x", good=False),
    *(Said(octets, good=False) for octets in NONSENSE),
])  # fmt: skip
FATAL = st.sampled_from([
    command("Bdat", "x", fatal=True), command("BDAT", "-1 LAST", fatal=True), command("BDAT", fatal=True),
    command("BDAT", "3 FIRST", fatal=True), *(Said(octets, fatal=True) for octets in OUT_OF_STEP),
])  # fmt: skip
HELLOS = st.sampled_from([
    command("EHLO", "client.example"), command("Ehlo", "mx_1.example"), command("EHLO", "[IPv6:2001:db8::1]"),
    command("ehlo", "[192.0.2.1]"), command("EHLO", good=False),
    command("EHLO", "a b", good=False),
])  # fmt: skip
HELO = st.sampled_from([command("HELO", "client.example"), command("HELO", good=False)])
MAILS = st.one_of(
    st.sampled_from([command("MAIL", f"FROM:<{path}>", path=path) for path in PATHS]),
    st.sampled_from([command("mail", f"from: <{path}> SIZE=9 body=8bitmime", path=path, plain=False) for path in PATHS]),
    st.sampled_from([command("MAIL", text, good=False) for text in BAD_PATHS]),
    st.sampled_from([command("MAIL", f"FROM:<ada@there.example> {text}", good=False) for text in BAD_MAIL]),
    st.just(command("MAIL", "FROM:<never@there.example>", refused=True)),
)
RCPTS = st.one_of(
    st.sampled_from([command("RCPT", f"TO:<{path}>", path=path) for path in PEOPLE]),
    st.just(command("RCPT", "TO:<bob@here.example> NOTIFY=NEVER", path=PEOPLE[0], plain=False)),
    st.sampled_from(
        [command("RCPT", f"TO:<{path}>", good=False) for path in ("bob", "", "a@b@here.example", "bob@here..example")]
    ),
    st.just(command("RCPT", "TO:<bob@refused.example>", refused=True)),
)
GROUP_ENDS = st.sampled_from([command("DATA"), command("data"), command("RSET"), command("STARTTLS"), command("QUIT")])
RIGHT, WRONG = plain("ada", "secret"), plain("ada", "guess")
LOGINS = st.sampled_from([
    command("AUTH", f"PLAIN {RIGHT}", text=b"x"), command("AUTH", f"PLAIN {WRONG}", text=b"x", refused=True),
    command("auth", "plain"), command("AUTH", "CRAM-MD5", good=False), command("AUTH", "PLAIN !", good=False),
])  # fmt: skip
ANSWERS = st.sampled_from([
    Said(f"{RIGHT}\r\n".encode(), "AUTH"), Said(f"{WRONG}\r\n".encode(), "AUTH", refused=True),
    Said(b"*\r\n", "AUTH", good=False), Said(b"QUIT!\r\n", "AUTH", good=False),
])  # fmt: skip


COMMANDS = ("new", "idle", "mail", "rcpt", "chunked")
DUE = {
    "new": HELLOS, "idle": MAILS | MAILS | LOGINS | st.just(command("STARTTLS")), "mail": RCPTS,
    "rcpt": RCPTS | GROUP_ENDS, "data": TEXTS.map(message), "auth": ANSWERS,
    "chunked": TEXTS.map(lambda text: chunk(text, True)),
}  # fmt: skip
