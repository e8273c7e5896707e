"""Whether to believe a message: SPF, DKIM, DMARC, ARC and Agent-Identity. docs/mailauth.md shows how to use it by itself.

Pure: a check asks DNS by yielding questions (mail/questions.py) and opens no socket; whoever drives it answers.
"""
