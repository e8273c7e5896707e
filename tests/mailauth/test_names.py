"""Which names can be asked for, and in which form."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mailauth.names import to_dns_name

NAMES = [
    ("Example.COM", "example.com"),
    ("example.com.", "example.com"),
    ("_dmarc.example.com", "_dmarc.example.com"),
    ("a b.example.com", "a b.example.com"),
    ("Bücher.example", "xn--bcher-kva.example"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("a" * 63 + ".test", "a" * 63 + ".test"),
    ("a" * 64 + ".test", None),
    (".".join(["a" * 49] * 5) + ".tes", ".".join(["a" * 49] * 5) + ".tes"),
    (".".join(["a" * 49] * 5) + ".test", None),
    ("", None),
    (".", None),
    ("a..b", None),
    ("..", None),
    (".a", None),
    ("a\\.b", None),
    ("a\nb.test", None),
    ("a\0.test", None),
    ("☃\u200d.test", None),
    ("é" * 100_000, None),
]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_a_name_is_written_as_dns_compares_it_or_not_at_all(text: str, name: str | None) -> None:
    assert name == to_dns_name(text)


@settings(max_examples=100)
@given(st.text(max_size=40))
def test_a_name_stays_as_it_is_once_written(text: str) -> None:
    name = to_dns_name(text)
    assert name is None or (name.isascii() and name == to_dns_name(name))
