"""Only a bounce that we caused can name a delivery (DS-3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailwright.core.return_path import hidden, local_part, read

SECRET = b"s" * 32


def test_a_return_path_names_its_delivery():
    assert "dlv_abc123" == read(SECRET, local_part(SECRET, "dlv_abc123"))


def test_a_host_that_folds_case_changes_nothing():
    assert "dlv_abc123" == read(SECRET, local_part(SECRET, "dlv_abc123").upper())


def test_it_fits_into_a_local_part():
    assert len(local_part(SECRET, "dlv_" + "z" * 24)) <= 64


def test_another_delivery_another_server_or_a_changed_character_is_no_return_path():
    good = local_part(SECRET, "dlv_abc123")
    assert None is read(b"t" * 32, good)
    assert None is read(SECRET, good.replace("abc", "abd"))
    for index in range(len(good)):
        changed = good[:index] + ("x" if good[index] != "x" else "y") + good[index + 1 :]
        assert None is read(SECRET, changed)


@given(st.text(max_size=80))
def test_nobody_can_make_one_up(text):
    assert None is read(SECRET, text)
    assert None is read(SECRET, "b+" + text)


def test_hidden_it_still_names_its_delivery_and_is_none_of_ours():
    line = f"C: MAIL FROM:<{local_part(SECRET, 'dlv_abc123')}@bounce.agents.example> SIZE=1"
    assert "C: MAIL FROM:<b+abc123....@bounce.agents.example> SIZE=1" == hidden(line)
    assert hidden(line) == hidden(hidden(line))
    assert "C: RCPT TO:<bob@there.example>" == hidden("C: RCPT TO:<bob@there.example>")
