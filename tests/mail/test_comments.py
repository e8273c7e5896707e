"""Comments nest, and what is escaped in them opens and closes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwright.mail.comments import comment_end


@pytest.mark.parametrize(
    ("text", "end"),
    [("(a) b", 3), ("(a (b) c)d", 9), ("(a \\) b)", 8), ("(a \\( b)", 8), ("(a", -1), ("((a)", -1), ("(a\\", -1), ("()", 2)],
)
def test_a_comment_ends_where_it_was_opened(text: str, end: int) -> None:
    assert end == comment_end(text, 0)


@given(st.text(alphabet="()\\ab \n", max_size=80))
def test_its_end_is_after_a_closing_parenthesis_or_nowhere(text: str) -> None:
    end = comment_end("(" + text, 0)
    assert end == -1 or ("(" + text)[end - 1] == ")"
