"""The routes that AgentMail's and Resend's official SDKs call, over our own operations: docs/compatibility.md.

Pure translation: names of fields in, names of fields out. Who may do what, and what is done, is the operation's alone.
"""
