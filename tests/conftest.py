"""What all tests share: where the foreign test data is, and the switches for slow and peer tests."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of foreign test data beside the checkout; tests that read it are skipped in a lone clone."""
    if not (SHARED / "corpora").is_dir():
        pytest.skip("no ../shared beside this checkout: foreign test data is not there")
    return SHARED
