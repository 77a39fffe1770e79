"""Required members, for services that answer the first that is missing by its name in the query protocol.

The request must contain the parameter SendMessageBatchRequestEntry.1.Id.
The parameter MetricData.member.1.MetricName is required.
"""

from collections.abc import Callable
from typing import Any

from cloudlet.wire.model import Member, ServiceModel, Shape, compiled_once

Find = Callable[[Any, str], str | None]  # (value, its path) → the path of the first missing member


def first_missing(model: ServiceModel, shape: Shape, params: dict[str, Any]) -> str | None:
    """The path of the first required member that `params` lacks."""
    view = model.query_view()
    find: Find = compiled_once(view, ("missing", shape.name), lambda: _structure(view.shape(shape.name), frozenset()))
    return find(params, "")


def _structure(shape: Shape, within: frozenset[str]) -> Find:
    within |= {shape.name}
    required = [(name, _query_name(shape.members[name])) for name in shape.required]
    inside = []
    for name, member in shape.members.items():
        find = _member(member, within)
        if find is not None:
            inside.append((name, _query_name(member), find))

    def first(value: dict[str, Any], path: str) -> str | None:
        for name, label in required:
            if value.get(name) is None:
                return path + label
        for name, label, find in inside:
            item = value.get(name)
            if item is not None:
                missing = find(item, path + label)
                if missing is not None:
                    return missing
        return None

    return first


def _query_name(member: Member) -> str:
    """A flattened list goes by its element's name."""
    if member.shape.type == "list" and member.trait("flattened"):
        assert member.shape.element is not None
        return member.shape.element.traits.get("locationName") or member.wire_name
    return member.wire_name


def _member(member: Member, within: frozenset[str]) -> Find | None:
    shape = member.shape
    if shape.name in within:
        return None
    if shape.type == "structure":
        inner = _structure(shape, within)
        return lambda value, path: inner(value, f"{path}.")
    if shape.type == "list":
        assert shape.element is not None
        of_element = _member(shape.element, within)
        if of_element is None:
            return None
        return _list(of_element, "." if member.trait("flattened") else ".member.")
    return None


def _list(of_element: Find, between: str) -> Find:
    def first(value: list[Any], path: str) -> str | None:
        for number, item in enumerate(value, 1):
            at = f"{path}{between}{number}"
            missing = at if item is None else of_element(item, at)
            if missing is not None:
                return missing
        return None

    return first
