"""Somebody's web server that webhooks are posted to: it keeps what it got, and may take its time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Post:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass(slots=True)
class Hooks:
    """The server. A path that begins with `/hang` gets no answer until `close`, `/status/410` gets that status."""

    got: list[Post] = field(default_factory=list)
    _closing: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> Hooks:
        """Listen on a free port of loopback."""
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hooks.got.append(Post(self.path, {k.lower(): v for k, v in self.headers.items()}, body, time.monotonic()))
                if self.path.startswith("/hang"):
                    hooks._closing.wait(60)
                    return
                self.send_response(int(self.path.rpartition("/")[2]) if self.path.startswith("/status/") else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def url(self, path: str) -> str:
        """Where a path of it is."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def at(self, path: str) -> list[Post]:
        """What came to a path."""
        return [one for one in self.got if one.path == path]

    def close(self) -> None:
        """Stop."""
        self._closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
