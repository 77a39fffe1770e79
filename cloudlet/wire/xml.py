"""XML for the query and rest-xml protocols: values written by the model, and elements read by it.

Writers are closures that append text to a list. Reading refuses document type declarations (entity bombs) and what is
nested deeper than `DEPTH_MAX`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from cloudlet.wire.model import Member, ServiceModel, Shape, compiled_once
from cloudlet.wire.values import (
    DEPTH_MAX,
    INTEGER_RANGES,
    base64_from_bytes,
    boolean_from_text,
    bytes_from_base64,
    float_from_text,
    http_from_instant,
    instant_from_text,
    integer_from_text,
    iso_from_instant,
    seconds_from_instant,
    short_iso_from_instant,
    text_from_float,
)

WriteText = Callable[[Any], str]  # scalar → text, escaped
WriteElement = Callable[[list[str], Any], None]  # appends <Name>…</Name>
ReadElement = Callable[[Element], Any]

_ESCAPED = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]')
_UNSAYABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # not even as a reference, in XML 1.0
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#xd;"}


def escape(text: str) -> str:
    """Text for an element or attribute. Control characters become references, as AWS writes them: S3's own listings of
    such keys are no XML to most parsers, which is why clients ask for encoding-type=url."""
    return _ESCAPED.sub(_reference, text) if _ESCAPED.search(text) else text


def escape_readable(text: str) -> str:
    """Text of an error: what XML cannot say is replaced, or clients that quote nonsense would not learn the code."""
    return escape(_UNSAYABLE.sub("\ufffd", text)) if _ESCAPED.search(text) else text


def _reference(found: re.Match[str]) -> str:
    character = found[0]
    return _NAMED.get(character) or f"&#x{ord(character):x};"


_TAGS_MAX = 200_000  # CompleteMultipartUpload of 10,000 parts with all their checksums has 80,000


# --- writing


def _timestamp_writer(form: str | None, milliseconds: bool) -> WriteText:
    if form == "rfc822":
        return http_from_instant
    if form == "unixTimestamp":
        return lambda ms: str(seconds_from_instant(ms))
    return iso_from_instant if milliseconds else short_iso_from_instant


def _text_writer(model: ServiceModel, member: Member) -> WriteText:
    """A scalar as escaped text."""
    kind = member.shape.type
    if kind == "string":
        return escape
    if kind == "timestamp":
        return _timestamp_writer(member.trait("timestampFormat"), model.overlay.xml_milliseconds)
    by_kind: dict[str, WriteText] = {
        "integer": str,
        "long": str,
        "float": text_from_float,
        "double": text_from_float,
        "boolean": lambda value: "true" if value else "false",
        "blob": base64_from_bytes,
    }
    return by_kind[kind]


def element_writer(model: ServiceModel, member: Member, name: str) -> WriteElement:
    """What appends the element or elements of `member`, called `name`."""
    shape = member.shape
    if shape.type == "structure":
        return _structure_element(model, shape, name)
    if shape.type == "list":
        return _list_element(model, member, name)
    if shape.type == "map":
        return _map_element(model, member, name)
    start, end = f"<{name}>", f"</{name}>"
    to_text = _text_writer(model, member)

    def write(out: list[str], value: Any) -> None:
        out.append(f"{start}{to_text(value)}{end}")

    return write


def _structure_element(model: ServiceModel, shape: Shape, name: str) -> WriteElement:
    namespace = shape.traits.get("xmlNamespace")
    declared = ""
    if namespace:
        prefix = f":{namespace['prefix']}" if namespace.get("prefix") else ""
        declared = f' xmlns{prefix}="{namespace["uri"]}"'
    attributes = {key: member for key, member in shape.members.items() if member.traits.get("xmlAttribute")}
    write_members = members_writer(model, shape)

    def write(out: list[str], value: Any) -> None:
        out.append(f"<{name}{declared}")
        for key, member in attributes.items():
            if value.get(key) is not None:
                out.append(f' {member.wire_name}="{escape(value[key])}"')
        out.append(">")
        write_members(out, value)
        out.append(f"</{name}>")

    return write


def members_writer(model: ServiceModel, shape: Shape) -> WriteElement:
    """What appends the members of `shape` that belong in the body, in the model's order, without an element around."""
    return compiled_once(model, ("xml.write", shape.name), lambda: _make_members_writer(model, shape))


def _make_members_writer(model: ServiceModel, shape: Shape) -> WriteElement:
    members: list[tuple[str, WriteElement]] = []
    elsewhere = {key for key, member in shape.members.items() if member.location or member.traits.get("xmlAttribute")}

    def write(out: list[str], value: Any) -> None:
        written = 0
        for key, write_member in members:
            item = value.get(key)
            if item is not None:
                write_member(out, item)
                written += 1
        if written < len(value):
            for key, item in value.items():
                assert item is None or key in shape.members, f"{shape.name} has no member {key}"

    model.compiled["xml.write", shape.name] = write
    for key, member in shape.members.items():
        if key not in elsewhere:
            members.append((key, element_writer(model, member, member.wire_name)))
    return write


def _list_element(model: ServiceModel, member: Member, name: str) -> WriteElement:
    element = member.shape.element
    assert element is not None
    if member.trait("flattened"):
        write_item = element_writer(model, element, element.traits.get("locationName") or name)

        def write_flat(out: list[str], value: Any) -> None:
            for item in value:
                write_item(out, item)

        return write_flat
    write_inner = element_writer(model, element, element.traits.get("locationName") or "member")

    def write(out: list[str], value: Any) -> None:
        if not value:
            out.append(f"<{name}/>")
            return
        out.append(f"<{name}>")
        for item in value:
            write_inner(out, item)
        out.append(f"</{name}>")

    return write


def _map_element(model: ServiceModel, member: Member, name: str) -> WriteElement:
    shape = member.shape
    assert shape.key is not None and shape.value is not None
    flat = member.trait("flattened")
    entry = name if flat else "entry"
    write_key = element_writer(model, shape.key, shape.key.traits.get("locationName") or "key")
    write_value = element_writer(model, shape.value, shape.value.traits.get("locationName") or "value")

    def write(out: list[str], value: Any) -> None:
        if not flat:
            out.append(f"<{name}>")
        for key, item in value.items():
            out.append(f"<{entry}>")
            write_key(out, key)
            write_value(out, item)
            out.append(f"</{entry}>")
        if not flat:
            out.append(f"</{name}>")

    return write


def plain_elements(out: list[str], facts: Mapping[str, Any]) -> None:
    """Members of an error, whatever shape they have: dicts nest, lists repeat."""
    for name, value in facts.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                out.append(f"<{name}>")
                plain_elements(out, item)
                out.append(f"</{name}>")
            elif item is not None:
                text = ("true" if item else "false") if isinstance(item, bool) else escape_readable(str(item))
                out.append(f"<{name}>{text}</{name}>")


# --- reading


class _NoDoctype(TreeBuilder):
    """Stops at a document type declaration, before any entity in it is read. defusedxml does the same, but by a Python
    call for every element: twenty times slower."""

    def doctype(self, name: str, public_id: str, system_id: str) -> None:
        raise ValueError("document type declarations are refused")


def parse_xml(body: bytes) -> Element:
    """The root element; ValueError if the text is no XML, has a document type declaration, is too deep or too big."""
    if body.count(b"<") > _TAGS_MAX:
        raise ValueError("too many elements")
    parser = XMLParser(target=_NoDoctype())
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (ParseError, LookupError) as error:  # LookupError: an encoding nobody knows
        raise ValueError(str(error)) from error
    _check_depth(root)
    return root


def _check_depth(root: Element) -> None:
    level = [root]
    for _ in range(DEPTH_MAX):
        level = [child for element in level for child in element]
        if not level:
            return
    raise ValueError("nested too deeply")


def local_name(tag: str) -> str:
    """An element's name without its namespace: clients may leave that out."""
    return tag.rpartition("}")[2]


def element_reader(model: ServiceModel, member: Member) -> ReadElement:
    """What reads one element as `member`; ValueError if it isn't what the model says. Flattened ones: their element."""
    shape = member.shape
    if shape.type == "structure":
        return structure_reader(model, shape)
    if shape.type == "list":
        return _list_reader(model, shape)
    if shape.type == "map":
        return _map_reader(model, shape)
    from_text = text_reader(shape.type)

    def read(element: Element) -> Any:
        if len(element):
            raise ValueError(f"{local_name(element.tag)} has elements inside")
        return from_text(element.text or "")

    return read


def text_reader(kind: str) -> Callable[[str], Any]:
    """A scalar from its text."""
    if kind == "string":
        return lambda text: text
    if kind in INTEGER_RANGES:
        return lambda text: integer_from_text(text.strip(), kind)
    by_kind: dict[str, Callable[[str], Any]] = {
        "float": float_from_text,
        "double": float_from_text,
        "boolean": boolean_from_text,
        "timestamp": instant_from_text,
        "blob": bytes_from_base64,
    }
    from_text = by_kind[kind]
    return lambda text: from_text(text.strip())


def structure_reader(model: ServiceModel, shape: Shape) -> ReadElement:
    return compiled_once(model, ("xml.read", shape.name), lambda: _make_structure_reader(model, shape))


def _make_structure_reader(model: ServiceModel, shape: Shape) -> ReadElement:
    single: dict[str, tuple[str, ReadElement]] = {}
    repeated: dict[str, tuple[str, ReadElement]] = {}
    attributes: list[tuple[str, str]] = []

    def read(element: Element) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, attribute in attributes:
            text = _attribute(element, attribute)
            if text is not None:
                out[key] = text
        for child in element:
            name = local_name(child.tag)
            found = single.get(name)
            if found is not None:
                key, read_child = found
                if key in out:
                    raise ValueError(f"{name} occurs twice")
                out[key] = read_child(child)
                continue
            found = repeated.get(name)
            if found is not None:
                key, read_child = found
                out.setdefault(key, []).append(read_child(child))
        return out

    model.compiled["xml.read", shape.name] = read
    for key, member in shape.members.items():
        if member.location:
            continue
        if member.traits.get("xmlAttribute"):
            attributes.append((key, member.wire_name))
        elif member.shape.type == "list" and member.trait("flattened"):
            element = member.shape.element
            assert element is not None
            repeated[element.traits.get("locationName") or member.wire_name] = key, element_reader(model, element)
        else:
            single[member.wire_name] = key, element_reader(model, member)
    return read


def _attribute(element: Element, name: str) -> str | None:
    """An attribute by its local name: xsi:type comes as {http://www.w3.org/2001/XMLSchema-instance}type."""
    wanted = name.rpartition(":")[2]
    for key, text in element.attrib.items():
        if local_name(key) == wanted:
            return text
    return None


def _list_reader(model: ServiceModel, shape: Shape) -> ReadElement:
    assert shape.element is not None
    name = shape.element.traits.get("locationName") or "member"
    read_item = element_reader(model, shape.element)
    return lambda element: [read_item(child) for child in element if local_name(child.tag) == name]


def _map_reader(model: ServiceModel, shape: Shape) -> ReadElement:
    assert shape.key is not None and shape.value is not None
    key_name = shape.key.traits.get("locationName") or "key"
    value_name = shape.value.traits.get("locationName") or "value"
    read_value = element_reader(model, shape.value)

    def read(element: Element) -> dict[str, Any]:
        out = {}
        for entry in element:
            parts = {local_name(child.tag): child for child in entry}
            if key_name not in parts or value_name not in parts:
                raise ValueError(f"{local_name(entry.tag)} lacks {key_name} or {value_name}")
            out[parts[key_name].text or ""] = read_value(parts[value_name])
        return out

    return read
