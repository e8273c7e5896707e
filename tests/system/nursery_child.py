"""What processes of a nursery run in these tests."""

from __future__ import annotations

import os
import socket
import time


def main(line: socket.socket) -> None:
    """Say who we are and what is open; then do as the line says, until it ends."""
    line.sendall(f"{os.getpid()} {os.getppid()} {len(os.listdir('/proc/self/fd')) - 1}\n".encode())
    while said := line.recv(100):
        if said == b"hang":
            time.sleep(600)
        if said == b"raise":
            raise RuntimeError("as you wish")
        line.sendall(said)
