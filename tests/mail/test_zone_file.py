"""The zone file, form by form."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.questions import Answer, Question, RecordType, Status, Zone
from mailwright.mail.zone_file import BadZoneFile, parse_zone


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("a.test TXT v=spf1 -all", "v=spf1 -all"),
        ("a.test. TXT v=spf1 -all", "v=spf1 -all"),
        ("A.Test\ttxt\t v=DKIM1; k=rsa; p=abc; ", "v=DKIM1; k=rsa; p=abc;"),
        ('a.test TXT "v=spf1 -all"', "v=spf1 -all"),
        ('a.test TXT "v=DKIM1; " "p=abc"', "v=DKIM1; p=abc"),
        ('a.test TXT "v=DKIM1; ""p=abc" ; the key', "v=DKIM1; p=abc"),
        ('a.test TXT "a # b" # c', "a # b"),
        ('a.test TXT "say \\"hi\\" \\\\ \\;" "\\195\\169"', 'say "hi" \\ ;é'),
        ('a.test TXT "\\233"', "é"),
        ('a.test TXT "one" two', "onetwo"),
        ('a.test TXT ( "one" "two" ) ; three', "onetwo"),
        ("a.test TXT ( one )", "( one )"),
        ("a.test TXT a # b ; c", "a # b ; c"),
        ('a.test TXT say "hi"', 'say "hi"'),
        ("a.test TXT", ""),
        ('a.test TXT ""', ""),
        ("a.test TXT !no", None),
        ('a.test. 300 IN TXT "v=spf1 -all"', "v=spf1 -all"),
        ("a.test in TXT x", "x"),
        ("\ufeffa.test TXT x", "x"),
    ],
)
def test_a_text_is_read(line: str, value: str | None) -> None:
    if value is None:
        with pytest.raises(BadZoneFile):
            parse_zone(line)
    else:
        assert {("a.test", "TXT"): (value,)} == parse_zone(line)


@pytest.mark.parametrize(
    ("line", "kind", "value"),
    [
        ("a.test A 192.0.2.1 # the host", "A", "192.0.2.1"),
        ("a.test AAAA 2001:db8::1 ; the host", "AAAA", "2001:db8::1"),
        ("a.test MX 10 Mail.Test.", "MX", "10 mail.test"),
        ("a.test MX 0 .", "MX", "0 ."),
        ("a.test CNAME B.test.", "CNAME", "b.test"),
        ("a.test SRV 0 5 993 imap.test.", "SRV", "0 5 993 imap.test"),
        ("a.test TLSA 3 1 1 abcdef", "TLSA", "3 1 1 abcdef"),
        ("a.test TYPE65280 \\# 2 abcd", "TYPE65280", "\\# 2 abcd"),
        ("a.test A nonsense", "A", "nonsense"),
        ("a.test MX what", "MX", "what"),
        ("a.test CAA 0 issue ca.test", "CAA", "0 issue ca.test"),
    ],
)
def test_any_type_will_do(line: str, kind: str, value: str) -> None:
    assert {("a.test", kind): (value,)} == parse_zone(line)


def test_a_name_may_hold_spaces_as_they_are_or_escaped() -> None:
    expected = {("x%percent  space.a.test", "A"): ("192.0.2.1",)}
    assert (
        expected
        == parse_zone("x%percent  space.a.test. A 192.0.2.1")
        == parse_zone("x%percent\\032\\032space.a.test A 192.0.2.1")
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# fine\n\na.test", "line 3: expected `name TYPE value`, found 'a.test'"),
        ("a.test v=spf1 -all", "line 1: expected"),
        ("a.test A", "line 1: expected"),
        ("a.test A ; nothing", "line 1: nothing stands behind the type A"),
        ('a.test TXT "open', "line 1: a quote is opened and not closed"),
        ('a.test TXT "\\999"', "line 1: \\999 is no octet"),
        ("a.test TXT !broken", "line 1: unknown trouble '!broken': there are !servfail, !timeout, !nxdomain, !nodata"),
        ("a.test * 192.0.2.1", "line 1: a line for every type can only tell of trouble"),
        ("é\u0300\u2028.test A 192.0.2.1", "line 1: "),
        ("$ORIGIN test.", "line 1: expected"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(BadZoneFile) as wrong:
        parse_zone(text)
    assert str(wrong.value).startswith(message)


ZONE = Zone.parse("""\
; a comment
  # another
a.test MX 10 one.test
a.test MX 20 two.test
www.test CNAME a.test.
loop.test CNAME loop.test
dangling.test CNAME gone.test
bücher.test TXT books
down.test TXT !SERVFAIL   # today
down.test A 192.0.2.1
slow.test * !timeout
slow.test A 192.0.2.2
hidden.test MX !nxdomain
""")


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.test", "MX", Answer(Status.OK, ("10 one.test", "20 two.test"))),
        ("a.test", "A", Answer(Status.NODATA)),
        ("test", "A", Answer(Status.NODATA)),
        ("b.test", "A", Answer(Status.NXDOMAIN)),
        ("www.test", "MX", Answer(Status.OK, ("10 one.test", "20 two.test"), alias="a.test")),
        ("loop.test", "A", Answer(Status.SERVFAIL)),
        ("dangling.test", "A", Answer(Status.NXDOMAIN)),
        ("xn--bcher-kva.test", "TXT", Answer(Status.OK, ("books",))),
        ("down.test", "TXT", Answer(Status.SERVFAIL)),
        ("down.test", "A", Answer(Status.OK, ("192.0.2.1",))),
        ("slow.test", "TXT", Answer(Status.TIMEOUT)),
        ("slow.test", "A", Answer(Status.OK, ("192.0.2.2",))),
        ("hidden.test", "MX", Answer(Status.NXDOMAIN)),
    ],
)
def test_a_zone_answers(name: str, kind: str, expected: Answer) -> None:
    assert expected == ZONE(Question(name, RecordType(kind)))


@given(st.text(st.sampled_from('ab.é \t"\\#;!*019\n') | st.characters(), max_size=200))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    problem = ""
    try:
        parse_zone(text)
    except BadZoneFile as wrong:
        problem = str(wrong)
    assert problem == "" or problem.startswith("line ")


@pytest.mark.parametrize("piece", ["a TXT ", '"', '"a" ', "\\", "a ", " ", "#", "0 IN ", "\n", "a.test A 192.0.2.1\n"])
@pytest.mark.slow
def test_size_costs_no_more_than_it_is(piece: str) -> None:
    text = "a.test TXT " + piece * (500_000 // len(piece))

    def read() -> None:
        with suppress(BadZoneFile):
            parse_zone(text)

    in_time(2, read)
