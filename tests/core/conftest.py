"""The Internet in a box, for everything in core that takes more than one function."""

from mailwright.testing.fixtures import internet

__all__ = ["internet"]
