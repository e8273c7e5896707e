"""Answers on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from mailwright.contract.operations import Content
from mailwright.faces.rest.answers import CHUNK, Reply, content, disposition, tell


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("../../etc/passwd", 'attachment; filename="passwd"'),
        ("C:\\x\\y.exe", 'attachment; filename="y.exe"'),
        ('a"; filename="b', "attachment; filename=\"a__ filename__b\"; filename*=UTF-8''a_%3B%20filename%3D_b"),
        ("a\r\nX-Evil: 1", 'attachment; filename="aX-Evil_ 1"'),
        ("", 'attachment; filename="attachment"'),
        ("Tée.pdf", "attachment; filename=\"T_e.pdf\"; filename*=UTF-8''T%C3%A9e.pdf"),
        ("a\u202egpj.exe", 'attachment; filename="agpj.exe"'),
    ],
)
def test_a_file_name_can_not_leave_its_place(name, field):
    assert field == disposition(name)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("application/pdf", b"application/pdf"),
        ("TEXT/Html", b"text/html"),
        ("text/html; charset=x", b"application/octet-stream"),
        ("text/html\r\nx: y", b"application/octet-stream"),
        ("", b"application/octet-stream"),
        ("a/b/c", b"application/octet-stream"),
    ],
)
def test_only_a_sound_type_is_told(told, kind):
    assert kind == content(Content(b"", told, "x")).content_type


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK])
async def test_a_large_answer_goes_out_in_pieces_and_whole(size):
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    body = bytes(index % 251 for index in range(size))
    await tell(send, Reply(200, memoryview(body)), b"req_1")  # type: ignore[arg-type]
    head, *parts = sent
    assert body == b"".join(part["body"] for part in parts)
    assert max(len(part["body"]) for part in parts) <= CHUNK
    assert [True] * (len(parts) - 1) + [False] == [part.get("more_body", False) for part in parts]
    assert (b"content-length", str(size).encode()) in head["headers"]
