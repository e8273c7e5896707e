"""Mailwright: real mailboxes for AI agents, with authenticated mail and a person in command."""

__version__ = "0.1.0"
