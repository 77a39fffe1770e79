"""What a service's overlay may say: facts of AWS's wire that its current model doesn't carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Overlay:
    """Every field defaults to what most services do, so an overlay lists only the differences."""

    # Protocols the service answers beside those in its model.
    protocols: tuple[str, ...] = ()
    # The query protocol's own traits, laid over the model's shapes and operations: {shape name: {"members": …}}.
    query_shapes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    query_namespace: str = ""
    query_result_wrappers: bool = False  # every operation with output wraps it in <{Operation}Result>
    query_declaration: str = ""  # what stands before the root element
    query_path_member: str = ""  # where absent, it is the URL of the request itself: /account/queue
    query_error_detail: bool = False  # an empty <Detail/> in errors

    xml_milliseconds: bool = False  # instants always with three decimals, also whole seconds

    # rest-xml: operation → the answer's root element, where it isn't {Operation}Result or the payload's own name.
    xml_roots: Mapping[str, str] = field(default_factory=dict)

    # Error shape → (its code in the query protocol and in x-amzn-query-error, HTTP status).
    query_errors: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    # Where the JSON protocols put a namespace before `__type`.
    json_error_namespace: str = ""
    json_framework_namespace: str = ""  # for codes that are no shape of the model
    json_validation_namespace: str = ""
    json_crc32: bool = False  # x-amz-crc32 over the answer
    # "{token} {json_mismatch} {type}": how a JSON value of the wrong type is named.
    json_mismatch: str = "can not be converted to"

    # What wire/constraints.py answers, where it isn't the protocol's usual list of violations.
    violation_code: str = ""
    violation_message: str = ""  # in the list's place; then it is said of the body only
    missing_code: str = ""
    missing_message: str = ""  # with {name}: the first missing parameter alone is named
    check_constraints: bool = True  # False: only required members; the service words its own limits
    check_enums: bool = False  # with check_constraints False: enums all the same,
    open_enums: tuple[str, ...] = ()  # but for these shapes
