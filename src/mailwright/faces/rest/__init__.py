"""REST: the operations over HTTP, the event log as a stream, and pages that describe both.

Everything is made from `contract.operations`; this face translates and never decides. `create_app` gives the ASGI
application, `BoundedProtocol` is the `http=` that uvicorn serves it with; `close` ends streams and long polls, so that a
server that is asked to stop can.
"""

from mailwright.faces.rest.application import Options, close, create_app
from mailwright.faces.rest.protocol import BoundedProtocol

__all__ = ["BoundedProtocol", "Options", "close", "create_app"]
