"""Paths find their targets."""

from __future__ import annotations

import pytest

from mailwright.core.errors import MethodNotAllowed, NotFound
from mailwright.faces.rest.routing import find, tree

ROUTES = tree(
    [
        ("GET", "/v1/events", "list"),
        ("GET", "/v1/events/stream", "stream"),
        ("POST", "/v1/things", "make"),
        ("GET", "/v1/things/{id}", "get"),
        ("DELETE", "/v1/things/{id}", "remove"),
        ("GET", "/v1/things/{id}/parts/{part}", "part"),
        ("GET", "/v1/things/new", "new"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "target", "values"),
    [
        ("GET", "/v1/events", "list", ()),
        ("HEAD", "/v1/events", "list", ()),
        ("GET", "/v1/events/stream", "stream", ()),
        ("POST", "/v1/things", "make", ()),
        ("GET", "/v1/things/a b", "get", ("a b",)),
        ("DELETE", "/v1/things/1", "remove", ("1",)),
        ("GET", "/v1/things/1/parts/2", "part", ("1", "2")),
        ("GET", "/v1/things/new", "new", ()),
        ("GET", "/v1/%74hings/%C3%A9", "get", ("é",)),
        ("DELETE", "/v1/things/1%2F2", "remove", ("1/2",)),
        ("GET", "/v1/things/1%2fparts%2f2", "get", ("1/parts/2",)),
        ("GET", "/v1/things/1%252F2", "get", ("1%2F2",)),
    ],
)
def test_a_path_finds_its_target(method, path, target, values):
    found = find(ROUTES, method, path)
    assert (target, values) == (found.target, found.values)


@pytest.mark.parametrize(
    "path", ["", "/", "/v1", "/v1/things/", "/v1/things//parts/2", "/v1/things/1/parts", "/v2/events", "x" * 9999]
)
def test_a_path_that_is_none_is_not_found(path):
    with pytest.raises(NotFound):
        find(ROUTES, "GET", path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/things", ["OPTIONS", "POST"]),
        ("HEAD", "/v1/things", ["OPTIONS", "POST"]),
        ("PUT", "/v1/things/1", ["DELETE", "GET", "HEAD", "OPTIONS"]),
        ("get", "/v1/events", ["GET", "HEAD", "OPTIONS"]),
    ],
)
def test_another_method_is_told_the_right_ones(method, path, allowed):
    with pytest.raises(MethodNotAllowed) as refused:
        find(ROUTES, method, path)
    assert {"allowed": allowed} == refused.value.details
