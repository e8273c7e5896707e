"""Pages for people and their programs: /docs and /llms.txt, made from the OpenAPI description, and whom to tell of a hole.

Standards: RFC 9116 (security.txt). No scripts, nothing foreign.
"""

from __future__ import annotations

import hashlib
import html
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from mailwright.contract.errors import status_of
from mailwright.contract.scalars import rfc3339
from mailwright.core.errors import every_refusal
from mailwright.core.events import EventType
from mailwright.faces.rest.answers import EVERYWHERE, Reply

Json = dict[str, Any]
FRESH = 90 * 86_400_000  # ms that security.txt is good for
STYLE = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.6rem;border:1px solid #8886;border-radius:4px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;
border-top:1px solid #8884}h2{margin-top:3rem}h3{margin-top:2rem}nav a{margin-right:1rem}.m{font-weight:700}
"""
_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def docs(described: Json) -> Reply:
    """The page for people."""
    text = "".join(_page(described))
    fields = (*EVERYWHERE, (b"content-security-policy", _POLICY.encode()))
    return Reply(200, text.encode(), b"text/html; charset=utf-8", base=fields)


def llms(described: Json) -> Reply:
    """The page for programs that read: https://llmstxt.org, one line for each operation."""
    lines = [f"# {described['info']['title']}", "", "> Real mailboxes for AI agents, over HTTP.", ""]
    lines += [described["info"]["description"], "## Operations", ""]
    lines += [f"- `{method} {path}`: {entry['summary']}. {_one_line(entry)}" for method, path, entry in _entries(described)]
    lines += ["", "## Events", "", *(f"- `{one.value}`: {one.text}" for one in EventType)]
    lines += ["", "## Refusals", "", *(f"- `{code}` ({status}): {text} {fix}" for code, status, text, fix in _codes())]
    lines += ["", "## Further", "", "- [OpenAPI](/openapi.json): every field", "- [Docs](/docs): for people", ""]
    return Reply(200, "\n".join(lines).encode(), b"text/plain; charset=utf-8")


def security_txt(contact: str, public_url: str, now: int) -> Reply:
    """Whom to tell of a hole, said anew with every answer. `now` in milliseconds."""
    # RFC 9116 §2.5.5: less than a year ahead; whoever keeps the file shall come back.
    lines = [f"Contact: {contact}", f"Expires: {rfc3339(now + FRESH)}", "Preferred-Languages: en"]
    if public_url.startswith("https://"):
        lines.append(f"Canonical: {public_url}/.well-known/security.txt")
    return Reply(200, "".join(f"{line}\r\n" for line in lines).encode(), b"text/plain; charset=utf-8")


def _one_line(entry: Json) -> str:
    return " ".join(entry.get("description", "").split())


def _entries(described: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in described["paths"].items():
        for method, entry in methods.items():
            yield method.upper(), path, entry


def _codes() -> list[tuple[str, int, str, str]]:
    told = {one.code: (one.code, status_of(one), one.summary(), one.fix) for one in every_refusal()}
    return sorted(told.values(), key=lambda one: (one[1], one[0]))


def _page(described: Json) -> Iterator[str]:
    title = html.escape(described["info"]["title"])
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><h1>{title}</h1>'
    yield f"<pre>{html.escape(described['info']['description'])}</pre><nav>"
    groups = [tag["name"] for tag in described["tags"]]
    yield "".join(f'<a href="#{name}">{name}</a>' for name in [*groups, "events", "errors", "fields"]) + "</nav>"
    for group in groups:
        yield f'<h2 id="{group}">{group}</h2>'
        for method, path, entry in _entries(described):
            if group in entry["tags"]:
                yield from _operation(method, path, entry)
    yield '<h2 id="events">events</h2><table><tr><th>type<th>what happened</tr>'
    yield "".join(f"<tr><td><code>{one.value}</code><td>{html.escape(one.text)}</tr>" for one in EventType) + "</table>"
    yield '<h2 id="errors">errors</h2><table><tr><th>code<th>status<th>what it means, and what to do</tr>'
    for code, status, text, fix in _codes():
        yield f'<tr id="{code}"><td><code>{code}</code><td>{status}<td>{html.escape(text)} {html.escape(fix)}</tr>'
    yield '</table><h2 id="fields">fields</h2>'
    for name, schema in described["components"]["schemas"].items():
        yield from _schema(name, schema)
    yield "</body></html>"


def _operation(method: str, path: str, entry: Json) -> Iterator[str]:
    yield f'<h3 id="{entry["operationId"]}"><span class="m">{method}</span> <code>{html.escape(path)}</code></h3>'
    yield f"<p>{html.escape(entry['summary'])}. {html.escape(entry.get('description', ''))}</p>"
    if entry.get("parameters"):
        yield "<table><tr><th>parameter<th>in<th>what it is</tr>"
        for one in entry["parameters"]:
            yield f"<tr><td><code>{one['name']}</code><td>{one['in']}<td>{html.escape(one['description'])}</tr>"
        yield "</table>"
    body = entry.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        yield f"<p>Body: {_link(body['schema'])}</p>"
        for title, example in body.get("examples", {}).items():
            yield f"<p>{html.escape(title)}</p><pre>{html.escape(json.dumps(example['value'], indent=2))}</pre>"
    for status, answer in entry["responses"].items():
        for content in answer.get("content", {}).values():
            yield f"<p>Answers {status}: {_link(content['schema'])}</p>"


def _link(schema: Json) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f'<a href="#s-{name}"><code>{name}</code></a>' if name else f"<code>{schema.get('type', 'any')}</code>"


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield f'<h3 id="s-{name}"><code>{name}</code></h3><p>{html.escape(schema.get("description", ""))}</p>'
    if "enum" in schema:
        yield f"<p>{', '.join(f'<code>{html.escape(str(one))}</code>' for one in schema['enum'])}</p>"
    if schema.get("properties"):
        yield "<table><tr><th>field<th>type<th>what it is</tr>"
        for field, one in schema["properties"].items():
            needed = "" if field in schema.get("required", ()) else " (optional)"
            yield f"<tr><td><code>{field}</code>{needed}<td>{_type(one)}<td>{html.escape(one.get('description', ''))}</tr>"
        yield "</table>"


def _type(schema: Json) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return _link(schema)
