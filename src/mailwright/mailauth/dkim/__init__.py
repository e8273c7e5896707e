"""DKIM: signing what we send, and checking which domains take responsibility for what comes in.

Standards: RFC 6376 (STD 76), 8301, 8463, 8553, 8616.
`verify` yields questions for the keys; `sign` is a plain function, safe in threads.
"""

from mailwright.mailauth.dkim.keys import (
    Algorithm,
    SigningKey,
    dns_record,
    generate_ed25519,
    generate_rsa,
    load_key,
    zone_line,
)
from mailwright.mailauth.dkim.sign import sign
from mailwright.mailauth.dkim.signature import Verdict
from mailwright.mailauth.dkim.verify import Result, verify

__all__ = [
    "Algorithm",
    "Result",
    "SigningKey",
    "Verdict",
    "dns_record",
    "generate_ed25519",
    "generate_rsa",
    "load_key",
    "sign",
    "verify",
    "zone_line",
]
