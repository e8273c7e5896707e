"""Every dialog in dialogs/*.smtp goes as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from smtp_script import play

DIALOGS = sorted((Path(__file__).parent / "dialogs").glob("*.smtp"))


@pytest.mark.parametrize("file", DIALOGS, ids=lambda file: file.stem)
def test_dialog_goes_as_written(file: Path):
    play(file)
