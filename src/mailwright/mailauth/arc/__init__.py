"""ARC: what those who handled a message before us saw of it, and whether that can be believed.

Standards: RFC 8617 (experimental, on its way to historic: kept because large receivers still ask forwarders for it).
`verify` yields questions for the keys; `seal` is a plain function, safe in threads.
"""

from mailwright.mailauth.arc.seal import seal
from mailwright.mailauth.arc.verify import ArcResult, ArcVerdict, verify

__all__ = ["ArcResult", "ArcVerdict", "seal", "verify"]
