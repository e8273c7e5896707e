"""REST: the operations over HTTP, the event log as a stream, and pages that describe both.

Everything is made from `contract.operations`; this face translates and never decides. `create_app` gives the ASGI
application; `close` ends streams and long polls, so that a server that is asked to stop can.
"""

from mailwright.faces.rest.application import close, create_app

__all__ = ["close", "create_app"]
