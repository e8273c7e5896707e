"""What judges how long work takes can say no."""

from __future__ import annotations

import time

import pytest
from timing import GOES, in_time


def busy(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_work_that_is_slow_each_time_is_told() -> None:
    with pytest.raises(AssertionError, match=rf"fastest of {GOES} goes, of 0\.01 s allowed"):
        in_time(0.01, lambda: busy(0.02))


def test_one_slow_go_is_forgiven_and_what_the_work_gives_comes_back() -> None:
    pauses = [0.05, 0.0]
    assert "done" == in_time(0.04, lambda: busy(pauses.pop(0)) or "done")
    assert [] == pauses


def test_work_that_hangs_is_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timing.ENOUGH", 0.05)
    begun = []
    with pytest.raises(AssertionError):
        in_time(0.01, lambda: (begun.append(1), busy(0.1)))
    assert [1] == begun
