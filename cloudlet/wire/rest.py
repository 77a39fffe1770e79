"""What rest-json and rest-xml share: routing by method, path and query, and members in the URL, headers and status.

Paths are split before they are percent-decoded, and decoded once: a key may hold anything.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from cloudlet.base.errors import AwsError
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.model import Member, ServiceModel, Shape, compiled_once
from cloudlet.wire.values import (
    INTEGER_RANGES,
    base64_from_bytes,
    boolean_from_text,
    float_from_text,
    http_from_instant,
    instant_from_text,
    integer_from_text,
    iso_from_instant,
    seconds_from_instant,
    text_from_float,
)

Query = dict[str, list[str]]
FromTexts = Callable[[list[str]], Any]
BadText = Callable[[Member, str], AwsError | None]  # a member and its text → the error; None = as if it were absent

_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_LIST_ITEM = re.compile(r'[ \t]*+(?:"((?:[^"\\]|\\.)*+)"[ \t]*+(?:,|$)|([^,]*+),?)')


def decoded(text: str) -> str:
    """Percent-decoded UTF-8; UnicodeDecodeError (a ValueError) if it is none."""
    if "%" not in text and text.isascii():
        return text
    return unquote_to_bytes(text.encode("latin-1")).decode()


def decode_query(text: str) -> Query:
    """The query's values by name, in order; ValueError if it isn't UTF-8."""
    out: Query = {}
    if text:
        for pair in text.split("&"):
            if pair:
                name, _, value = pair.replace("+", " ").partition("=")
                out.setdefault(decoded(name), []).append(decoded(value))
    return out


# --- routing


@dataclass(slots=True)
class Route:
    """One operation's URI, taken apart."""

    operation: str
    method: str
    segments: list[str]  # literals, {Label} and {Label+}
    literals: dict[str, str | None]  # query parameters that must be there, with their value if it is fixed
    wants: tuple[str, ...]  # query parameters it requires, to tell it from others of the same URI
    headers: tuple[str, ...]  # headers that tell it, likewise

    def is_asked(self, query: Query) -> bool:
        """The literal query parameters are all there."""
        for name, value in self.literals.items():
            if name not in query or (value is not None and query[name][0] != value):
                return False
        return True

    def is_told(self, query: Query, request: HttpRequest) -> bool:
        """What tells it from its like is there too."""
        for name in self.wants:
            if name not in query:
                return False
        return all(request.header(name) is not None for name in self.headers) if self.headers else True


def routes_of(model: ServiceModel, telling_headers: frozenset[str] = frozenset()) -> list[Route]:
    """Every operation's route, but a deprecated one whose URI another operation has too."""
    taken: dict[tuple[str, str], list[str]] = {}
    for name, raw in model.raw_operations.items():
        taken.setdefault((raw["http"]["method"], raw["http"]["requestUri"]), []).append(name)
    routes: list[Route] = []
    for names in taken.values():
        current = [name for name in names if not model.raw_operations[name].get("deprecated")] or names
        routes.extend(_route(model, name, telling_headers) for name in current)
    return routes


def _route(model: ServiceModel, name: str, telling_headers: frozenset[str]) -> Route:
    raw = model.raw_operations[name]
    path, _, query = raw["http"]["requestUri"].partition("?")
    literals: dict[str, str | None] = {}
    for pair in query.split("&") if query else []:
        key, equals, value = pair.partition("=")
        literals[key] = value if equals else None
    wants, headers = [], []
    taken = model.raw_shapes[raw["input"]["shape"]] if "input" in raw else {}
    for member_name in taken.get("required", ()):
        member = taken["members"][member_name]
        if member.get("location") == "querystring":
            wants.append(member["locationName"])
        elif member.get("location") == "header" and member["locationName"].lower() in telling_headers:
            headers.append(member["locationName"].lower())
    segments = [part for part in path.split("/")[1:] if part]
    return Route(name, raw["http"]["method"], segments, literals, tuple(wants), tuple(headers))


def choose(routes: Iterable[Route], query: Query, request: HttpRequest) -> Route | None:
    """Of routes with the same method and path: the one asked for by the most literal parameters, then the one told by
    the most others. If none is told, the least demanding: its missing parameter is an error of its own."""
    if query:
        asked = [route for route in routes if route.is_asked(query)]
    else:
        asked = [route for route in routes if not route.literals]
    if len(asked) < 2:
        return asked[0] if asked else None
    most = max(len(route.literals) for route in asked)
    asked = [route for route in asked if len(route.literals) == most]
    told = [route for route in asked if route.is_told(query, request)]
    if told:
        return max(told, key=lambda route: len(route.wants) + len(route.headers))
    return min(asked, key=lambda route: len(route.wants) + len(route.headers))


@dataclass(slots=True)
class _Node:
    """A place in the tree of paths."""

    literal: dict[str, "_Node"] = field(default_factory=dict)
    label: "_Node | None" = None
    ends: dict[str, list[Route]] = field(default_factory=dict)  # by method


class Router:
    """Paths of a service, as a tree of segments; literal segments go before labels."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.segments:
            if segment.startswith("{"):
                assert "+" not in segment, "greedy labels are S3's alone"
                node.label = node.label or _Node()
                node = node.label
            else:
                node = node.literal.setdefault(segment, _Node())
        node.ends.setdefault(route.method, []).append(route)

    def find(self, method: str, path: str) -> tuple[list[Route], list[str]] | None:
        """The routes that end at `path`, and its segments; None if there are none."""
        segments = path.split("/")[1:]
        if segments and segments[-1] == "":
            segments.pop()
        node = self._walk(self._root, segments, 0, method)
        return (node.ends[method], segments) if node is not None else None

    def _walk(self, node: _Node, segments: list[str], at: int, method: str) -> _Node | None:
        if at == len(segments):
            return node if method in node.ends else None
        below = node.literal.get(segments[at])
        found = self._walk(below, segments, at + 1, method) if below is not None else None
        if found is None and node.label is not None and segments[at] != "":
            found = self._walk(node.label, segments, at + 1, method)
        return found


def labels_of(route: Route, segments: list[str]) -> dict[str, str]:
    """The labels' texts, decoded; ValueError if one isn't UTF-8."""
    return {
        name.strip("{}"): decoded(text) for name, text in zip(route.segments, segments, strict=True) if name[0] == "{"
    }


# --- reading what isn't in the body


@dataclass(slots=True)
class _Binders:
    """A shape's members outside the body, by where they are."""

    labels: list[tuple[Member, FromTexts]]
    query: dict[str, tuple[Member, FromTexts]]
    headers: dict[str, tuple[Member, FromTexts]]  # by name in lower case
    prefixes: list[tuple[str, Member]]  # of header names


def bind(
    model: ServiceModel, shape: Shape, request: HttpRequest, labels: dict[str, str], query: Query, bad: BadText
) -> dict[str, Any]:
    """The members of `shape` that are in the path, the query or the headers."""
    binders: _Binders = compiled_once(model, ("rest.bind", shape.name), lambda: _binders(shape))
    found: list[tuple[Member, FromTexts, list[str]]] = []
    for member, from_texts in binders.labels:
        if member.wire_name in labels:
            found.append((member, from_texts, [labels[member.wire_name]]))
    for name, texts in query.items():
        if name in binders.query:
            found.append((*binders.query[name], texts))
    out: dict[str, Any] = {}
    for name, value in request.headers:
        if name in binders.headers:
            found.append((*binders.headers[name], [request.header(name) or ""]))  # several of one name, joined
        else:
            for prefix, member in binders.prefixes:
                if name.startswith(prefix):
                    out.setdefault(member.name, {})[name[len(prefix) :]] = value
    for member, from_texts, texts in found:
        try:
            out[member.name] = from_texts(texts)
        except (ValueError, OverflowError):
            error = bad(member, texts[0])
            if error is not None:
                raise error from None
    return out


def _binders(shape: Shape) -> _Binders:
    binders = _Binders([], {}, {}, [])
    for member in shape.members.values():
        if member.location == "uri":
            binders.labels.append((member, _from_texts(member)))
        elif member.location == "querystring":
            binders.query[member.wire_name] = member, _from_texts(member)
        elif member.location == "header":
            binders.headers[member.wire_name.lower()] = member, _from_texts(member)
        elif member.location == "headers":
            binders.prefixes.append((member.wire_name.lower(), member))
    return binders


def _from_texts(member: Member) -> FromTexts:
    shape = member.shape
    if shape.type == "list":
        assert shape.element is not None
        from_text = _from_text(shape.element.shape.type)
        if member.location == "header":
            return lambda texts: [from_text(item) for item in header_items(texts[0])]
        return lambda texts: [from_text(text) for text in texts]
    from_text = _from_text(shape.type)
    return lambda texts: from_text(texts[0])


def _from_text(kind: str) -> Callable[[str], Any]:
    if kind in INTEGER_RANGES:
        return lambda text: integer_from_text(text, kind)
    by_kind: dict[str, Callable[[str], Any]] = {
        "boolean": boolean_from_text,
        "timestamp": instant_from_text,
        "float": float_from_text,
        "double": float_from_text,
        "string": str,
        "blob": lambda text: text.encode("latin-1"),
    }
    return by_kind[kind]


def header_items(text: str) -> list[str]:
    """A header's comma-separated items, quotes taken off."""
    items = []
    at = 0
    while at < len(text):
        found = _LIST_ITEM.match(text, at)
        if found is None:
            break
        quoted, plain = found.groups()
        item = plain.rstrip(" \t") if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        if item or quoted is not None:
            items.append(item)
        at = found.end()
    return items


# --- writing what isn't in the body


def payload_type(member: Member) -> str:
    """The media type of a payload that isn't JSON or XML, where no member says it."""
    return (
        "application/vnd.amazon.eventstream" if member.shape.traits.get("eventstream") else "application/octet-stream"
    )


def header_text(text: str) -> str:
    """A header's value: no control characters, and UTF-8 carried as latin-1, as HTTP does."""
    if text.isascii():
        return _CONTROLS.sub(" ", text) if not text.isprintable() else text
    return _CONTROLS.sub(" ", text.encode("utf-8", "replace").decode("latin-1"))


def mime_text(text: str) -> str:
    """S3's user metadata: what isn't ASCII goes as a MIME encoded word (RFC 2047)."""
    return header_text(text) if text.isascii() else f"=?UTF-8?B?{base64_from_bytes(text.encode())}?="


def answer_headers(
    model: ServiceModel, shape: Shape, result: dict[str, Any]
) -> tuple[int | None, list[tuple[str, str]]]:
    """The status, if a member says it, and the headers that carry members of `result`."""
    status: int | None = None
    headers: list[tuple[str, str]] = []
    writers: dict[str, _HeaderWriter]
    writers = compiled_once(model, ("rest.headers", shape.name), lambda: _header_writers(shape))
    for name, value in result.items():
        writer = writers.get(name)
        if writer is None or value is None:
            continue
        location, wire_name, to_text = writer
        if location == "statusCode":
            status = value
        elif location == "headers":
            headers.extend((wire_name + key, mime_text(text)) for key, text in value.items())
        else:
            headers.append((wire_name, to_text(value)))
    return status, headers


_HeaderWriter = tuple[str, str, Callable[[Any], str]]  # location, name on the wire, what makes the text


def _header_writers(shape: Shape) -> dict[str, _HeaderWriter]:
    return {
        name: (member.location, member.wire_name, _header_writer(member))
        for name, member in shape.members.items()
        if member.location in ("header", "headers", "statusCode")
    }


def _header_writer(member: Member) -> Callable[[Any], str]:
    shape = member.shape
    if shape.type == "timestamp":
        by_form: dict[str, Callable[[Any], str]]
        by_form = {"iso8601": iso_from_instant, "unixTimestamp": lambda ms: str(seconds_from_instant(ms))}
        return by_form.get(member.trait("timestampFormat") or "rfc822", http_from_instant)
    if shape.type == "list":
        return lambda value: ",".join(header_text(item) for item in value)
    by_kind: dict[str, Callable[[Any], str]] = {
        "boolean": lambda value: "true" if value else "false",
        "float": text_from_float,
        "double": text_from_float,
        "string": header_text,
    }
    return by_kind.get(shape.type, str)


def payload_member(shape: Shape) -> Member | None:
    payload = shape.traits.get("payload")
    return shape.members[payload] if payload else None
