"""The second stage of validation: what the model demands of values whose types are right.

AWS lists every violation in one message, each with the value, the member's path and the constraint's own sentence.
Which error that becomes differs by service (overlays). The third stage, a service's own rules, is not here.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cloudlet.base.errors import AwsError, aws_error
from cloudlet.wire.java_regex import is_one_class, to_python
from cloudlet.wire.missing import first_missing
from cloudlet.wire.model import Member, Operation, ServiceModel, Shape, compiled_once, reachable

Found = list[str] | None  # None: nobody wants to read them, the first is enough
Check = Callable[[Any, str, Found], None]  # (value, path, where violations go); raises _Violated where nowhere
Sentence = Callable[[Any], str | None]  # value → what it fails, or None

_PATTERN_TEXT_MAX = 2048  # longer texts meet only patterns that cannot backtrack
_SHORT_TEXT_MAX = 256  # … or those of texts that may be longer: a few are cubic
_VALUE_TEXT_MAX = 64 * 1024  # of a value quoted in a message
_NOT_NULL = "Member must not be null"


def check(model: ServiceModel, operation: Operation, params: dict[str, Any]) -> None:
    """One AwsError that lists every violation of the model, or nothing."""
    if operation.input is None:
        return
    overlay = model.overlay
    if overlay.missing_message:
        missing = first_missing(model, operation.input, params)
        if missing is not None:
            raise aws_error(overlay.missing_code, overlay.missing_message.format(name=missing), 400)
        if not overlay.check_constraints:
            return
    if overlay.violation_message:
        _check_outside_body(operation.input, params)
    checks = _checks(model, operation.input)
    try:
        checks(params, "", None)  # nearly always all is well, and no path is ever spelled
    except _Violated:
        found: list[str] = []
        checks(params, "", found)
        raise _error(model, found) from None


class _Violated(Exception):
    """Something is wrong; what, is looked for again."""


def _report(found: Found, violation: str) -> None:
    if found is None:
        raise _Violated
    found.append(violation)


def _error(model: ServiceModel, found: list[str]) -> AwsError:
    overlay = model.overlay
    if overlay.violation_message:
        return aws_error(overlay.violation_code, overlay.violation_message, 400)
    code = overlay.violation_code
    if not code:
        code = "ValidationError" if "query" in model.protocols else "ValidationException"
    plural = "error" if len(found) == 1 else "errors"
    return aws_error(code, f"{len(found)} validation {plural} detected: {'; '.join(found)}", 400)


def _check_outside_body(shape: Shape, params: dict[str, Any]) -> None:
    """Where violations are of the body (S3), what the URL or a header lacks is an error of its own."""
    for name in shape.required:
        member = shape.members[name]
        if member.location and params.get(name) is None:
            message = f"Missing required {member.location} for this request: {member.wire_name}"
            raise aws_error("InvalidArgument", message, 400, ArgumentName=member.wire_name)


def _checks(model: ServiceModel, shape: Shape) -> Check:
    return compiled_once(model, ("constraints", shape.name), lambda: _structure(model, shape, frozenset()))


# --- the tree of checks


def _check_of(model: ServiceModel, member: Member, within: frozenset[str]) -> Check | None:
    """What checks a value of `member`; None where the model demands nothing. Recursion is not followed: the
    one recursive shape, DynamoDB's AttributeValue, has limits of its own that its service words."""
    shape = member.shape
    if shape.name in within or _is_recursive(model, shape):
        return None
    within |= {shape.name}
    checks: list[Check] = []
    sensitive = bool(member.trait("sensitive"))
    checks += [_scalar(sentence, shape, sensitive) for sentence in _sentences(model, shape)]
    if shape.type == "structure":
        checks.append(_structure(model, shape, within))
    elif shape.type == "list":
        checks += _list(model, shape, within)
    elif shape.type == "map":
        checks += _map(model, shape, within)
    return _all(checks)


def _is_recursive(model: ServiceModel, shape: Shape) -> bool:
    if shape.type not in ("structure", "list", "map"):
        return False
    key = ("recursive", shape.name)
    if key not in model.compiled:
        model.compiled[key] = shape.name in reachable(shape)
    return model.compiled[key]


def _all(checks: list[Check]) -> Check | None:
    if len(checks) < 2:
        return checks[0] if checks else None

    def run(value: Any, path: str, found: Found) -> None:
        for one in checks:
            one(value, path, found)

    return run


def _scalar(sentence: Sentence, shape: Shape, sensitive: bool) -> Check:
    def run(value: Any, path: str, found: Found) -> None:
        failed = sentence(value)
        if failed is not None:
            if found is None:
                raise _Violated
            shown = "Value" if sensitive else f"Value '{_shown(shape, value)[:_VALUE_TEXT_MAX]}'"
            found.append(f"{shown} at '{path}' failed to satisfy constraint: {failed}")

    return run


def _structure(model: ServiceModel, shape: Shape, within: frozenset[str]) -> Check:
    # A stream isn't among the parameters; and where violations are of the body, at the root only the body counts.
    body_only = bool(model.overlay.violation_message) and not within
    required = [
        (name, _label(name))
        for name in shape.required
        if not shape.members[name].trait("streaming") and not (body_only and shape.members[name].location)
    ]
    checks: list[tuple[str, str, Check]] = []
    for name, member in shape.members.items():
        one = None if body_only and member.location else _check_of(model, member, within)
        if one is not None:
            checks.append((name, _label(name), one))

    names_required = [name for name, _ in required]
    by_name = {name: one for name, _, one in checks}

    def run(value: dict[str, Any], path: str, found: Found) -> None:
        if found is not None:
            explain(value, path, found)
            return
        for name in names_required:
            if value.get(name) is None:
                raise _Violated
        for name, item in value.items():
            check_item = by_name.get(name)
            if check_item is not None and item is not None:
                check_item(item, "", None)

    def explain(value: dict[str, Any], path: str, found: list[str]) -> None:
        dot = f"{path}." if path else ""
        for name, label in required:
            if value.get(name) is None:
                found.append(f"Value null at '{dot}{label}' failed to satisfy constraint: {_NOT_NULL}")
        for name, label, one in checks:
            item = value.get(name)
            if item is not None:
                one(item, dot + label, found)

    return run


def _label(name: str) -> str:
    """A member's name as AWS prints it: the first letter in lower case, nothing else."""
    return name[:1].lower() + name[1:]


def _list(model: ServiceModel, shape: Shape, within: frozenset[str]) -> list[Check]:
    assert shape.element is not None
    element = shape.element.shape
    if element.type not in ("structure", "list", "map"):
        sentences = _sentences(model, element)
        return [_scalar(_elements(sentences, _demands(element)), shape, bool(shape.element.trait("sensitive")))]
    one = _check_of(model, shape.element, within)

    def run(value: list[Any], path: str, found: Found) -> None:
        for number, item in enumerate(value, 1):
            if item is None:
                _report(found, f"Value null at '{path}.{number}.member' failed to satisfy constraint: {_NOT_NULL}")
            elif one is not None:
                one(item, f"{path}.{number}.member" if found is not None else "", found)

    return [run]


def _elements(sentences: list[Sentence], demands: list[str]) -> Sentence:
    """Scalars in a list: one sentence names all that is demanded of each, whichever failed."""
    text = f"Member must satisfy constraint: [{', '.join([*demands, _NOT_NULL])}]"

    def sentence(value: list[Any]) -> str | None:
        for item in value:
            if item is None or any(one(item) is not None for one in sentences):
                return text
        return None

    return sentence


def _map(model: ServiceModel, shape: Shape, within: frozenset[str]) -> list[Check]:
    assert shape.key is not None and shape.value is not None
    checks: list[Check] = []
    key_sentences, keys = _sentences(model, shape.key.shape), _demands(shape.key.shape)
    if key_sentences:
        text = f"Map keys must satisfy constraint: [{', '.join([*keys, _NOT_NULL])}]"
        checks.append(_scalar(_every(key_sentences, text, dict.keys), shape, False))
    value_sentences, values = _sentences(model, shape.value.shape), _demands(shape.value.shape)
    if value_sentences:
        text = f"Map value must satisfy constraint: [{', '.join([*values, _NOT_NULL])}]"
        checks.append(_scalar(_every(value_sentences, text, dict.values), shape, bool(shape.value.trait("sensitive"))))
    if shape.value.shape.type in ("structure", "list", "map"):
        one = _inside_of(model, shape.value, within)
        if one is not None:
            checks.append(one)
    return checks


def _every(sentences: list[Sentence], text: str, of: Callable[[Any], Any]) -> Sentence:
    def sentence(value: dict[str, Any]) -> str | None:
        for item in of(value):
            for one in sentences:
                if one(item) is not None:
                    return text
        return None

    return sentence


def _inside_of(model: ServiceModel, member: Member, within: frozenset[str]) -> Check | None:
    """The checks inside each of a map's values; those of the value itself are said of the map."""
    shape = member.shape
    if shape.name in within or _is_recursive(model, shape):
        return None
    within |= {shape.name}
    if shape.type == "structure":
        one: Check | None = _structure(model, shape, within)
    else:
        one = _all(_list(model, shape, within) if shape.type == "list" else _map(model, shape, within))
    if one is None:
        return None

    def run(value: dict[str, Any], path: str, found: Found) -> None:
        for key, item in value.items():
            one(item, f"{path}.{key}.member" if found is not None else "", found)

    return run


# --- one value's constraints


def _sentences(model: ServiceModel, shape: Shape) -> list[Sentence]:
    """The constraints of a shape's own value, in the order AWS names them."""
    sentences: list[Sentence] = []
    traits = shape.traits
    overlay = model.overlay
    if traits.get("enum") and (
        overlay.check_constraints or (overlay.check_enums and shape.name not in overlay.open_enums)
    ):
        return [_enum(traits["enum"])]
    if not overlay.check_constraints:
        return []
    if shape.type == "string" and traits.get("pattern"):
        sentences.append(_pattern(traits["pattern"], traits.get("max")))
    if shape.type in ("integer", "long", "float", "double"):
        return _range(traits.get("min"), traits.get("max"))
    low, high = traits.get("min"), traits.get("max")
    length: Callable[[Any], int] = _utf16_length if shape.type == "string" else len
    if high is not None:
        sentences.append(lambda value: None if length(value) <= high else _at_most(high))
    if low is not None:
        sentences.append(lambda value: None if length(value) >= low else _at_least(low))
    return sentences


def _demands(shape: Shape) -> list[str]:
    """The same constraints as sentences, in the order they have within a list's or map's."""
    traits = shape.traits
    if traits.get("enum"):
        return [f"Member must satisfy enum value set: [{', '.join(traits['enum'])}]"]
    demands = []
    if shape.type in ("integer", "long", "float", "double"):
        if traits.get("max") is not None:
            demands.append(f"Member must have value less than or equal to {traits['max']}")
        if traits.get("min") is not None:
            demands.append(f"Member must have value greater than or equal to {traits['min']}")
        return demands
    if traits.get("max") is not None:
        demands.append(_at_most(traits["max"]))
    if traits.get("min") is not None:
        demands.append(_at_least(traits["min"]))
    if traits.get("pattern"):
        demands.append(f"Member must satisfy regular expression pattern: {traits['pattern']}")
    return demands


def _at_most(high: int) -> str:
    return f"Member must have length less than or equal to {high}"


def _at_least(low: int) -> str:
    return f"Member must have length greater than or equal to {low}"


def _utf16_length(text: str) -> int:
    """A string's length as Java counts it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _enum(allowed: list[str]) -> Sentence:
    known = frozenset(allowed)
    text = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
    return lambda value: None if value in known else text


def _pattern(pattern: str, characters_max: int | None) -> Sentence:
    text = f"Member must satisfy regular expression pattern: {pattern}"
    matches = to_python(pattern).fullmatch
    length_max: int | None = None
    if not is_one_class(pattern):
        length_max = min(_PATTERN_TEXT_MAX, max(_SHORT_TEXT_MAX, characters_max or _PATTERN_TEXT_MAX))

    def sentence(value: str) -> str | None:
        if length_max is not None and len(value) > length_max:
            return text
        return None if matches(value) else text

    return sentence


def _range(low: float | None, high: float | None) -> list[Sentence]:
    sentences: list[Sentence] = []
    if high is not None:
        sentences.append(
            lambda value: None if value <= high else f"Member must have value less than or equal to {high}"
        )
    if low is not None:
        sentences.append(
            lambda value: None if value >= low else f"Member must have value greater than or equal to {low}"
        )
    return sentences


def _shown(shape: Shape, value: Any) -> str:
    """A value as AWS (Java) prints it in a message."""
    if value is None:
        return "null"
    if shape.type == "boolean":
        return "true" if value else "false"
    if shape.type == "blob":
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if shape.element is not None:
        element = shape.element.shape
        return f"[{', '.join(_until_full(_shown(element, item) for item in value))}]"
    if shape.value is not None:
        inner = shape.value.shape
        return "{" + ", ".join(_until_full(f"{key}={_shown(inner, item)}" for key, item in value.items())) + "}"
    if shape.type == "structure":
        parts = (f"{_label(name)}={_shown(member.shape, value.get(name))}" for name, member in shape.members.items())
        return f"{shape.name}({', '.join(parts)})"
    return str(value)


def _until_full(parts: Iterable[str]) -> Iterator[str]:
    """Parts up to what a message quotes: a batch of megabytes isn't printed to be cut."""
    length = 0
    for part in parts:
        yield part
        length += len(part)
        if length > _VALUE_TEXT_MAX:
            return
