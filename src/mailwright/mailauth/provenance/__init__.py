"""Agent-Identity: which agent wrote this, under whose oversight, for whom, and is it still what was signed?

Standard: our own, docs/agent-identity.md. Ed25519 with a key in the writer's DNS, bound to message, recipient and approval.
`verify` yields the one question for the key; `sign` is a plain function, safe in threads. Both are linear in the message.
Not here: whether a verified agent is to be trusted (core/receiving.py), replays (the store remembers them).
"""

from mailwright.mailauth.provenance.keys import SigningKey, dns_record, load_key, new_key, public_der
from mailwright.mailauth.provenance.policy import requires, verify_incoming
from mailwright.mailauth.provenance.sign import Statement, sign
from mailwright.mailauth.provenance.tags import AGENT, FIELD
from mailwright.mailauth.provenance.verify import Result, Verdict, verify

__all__ = [
    "AGENT",
    "FIELD",
    "Result",
    "SigningKey",
    "Statement",
    "Verdict",
    "dns_record",
    "load_key",
    "new_key",
    "public_der",
    "requires",
    "sign",
    "verify",
    "verify_incoming",
]
