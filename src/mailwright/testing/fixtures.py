"""Fixtures for pytest: `from mailwright.testing.fixtures import internet` in a conftest.py makes them yours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailwright.testing.internet import Internet


@pytest.fixture
def internet() -> Iterator[Internet]:
    """A new Internet in a box, with one Mailwright server for agents.example."""
    with Internet() as box:
        yield box
