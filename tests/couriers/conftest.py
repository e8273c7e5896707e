"""The Internet in a box, for a delivery to carry."""

from mailwright.testing.fixtures import internet

__all__ = ["internet"]
