"""A file is written whole or not at all, for its owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mailwright.files import place


def test_a_file_is_placed_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for content in (b"one", b"two"):
        place(path, content)
        assert content == path.read_bytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


def test_a_disk_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    place(path, b"one")

    def fail(file: int) -> None:
        raise OSError(5, "no")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no"):
        place(path, b"two")
    assert b"one" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())
