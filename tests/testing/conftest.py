"""The Internet in a box, to be tested itself."""

from mailwright.testing.fixtures import internet

__all__ = ["internet"]
