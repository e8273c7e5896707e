"""Whether to believe a message. Pure: asks DNS by yielding questions (mail/questions.py)."""
