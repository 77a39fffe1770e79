"""AWS's service models as values: operations, shapes, members, and what is compiled from them at first use.

`load` decodes one service's file (a few milliseconds); a shape becomes an object when a codec first asks for it.
Codecs keep what they compile in `ServiceModel.compiled` and `Operation.compiled`. No protocol is known here.
"""

import functools
import gzip
import pathlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cloudlet.base.errors import AwsError
from cloudlet.wire.overlays import BY_SERVICE, PLAIN, Overlay

MODELS = pathlib.Path(__file__).parent / "models"


@dataclass(slots=True)
class Member:
    """A structure's member, a list's element, or a map's key or value: a shape, and traits of this place only."""

    name: str
    shape_name: str
    traits: Mapping[str, Any]
    model: "ServiceModel" = field(repr=False)

    @property
    def shape(self) -> "Shape":
        return self.model.shape(self.shape_name)

    @property
    def wire_name(self) -> str:
        """What it is called on the wire; JSON, query and XML agree on `locationName`."""
        return self.traits.get("locationName") or self.name

    @property
    def location(self) -> str:
        """Where REST puts it: "" (the body), uri, querystring, header, headers, statusCode."""
        return self.traits.get("location", "")

    def trait(self, name: str) -> Any:
        """The trait here, else the one of the shape."""
        value = self.traits.get(name)
        return self.shape.traits.get(name) if value is None else value


@dataclass(slots=True)
class Shape:
    """A type of the model. `members` is filled for structures, `element` for lists, `key` and `value` for maps."""

    name: str
    type: str  # structure list map string integer long float double boolean blob timestamp
    traits: Mapping[str, Any]
    members: dict[str, Member]
    required: tuple[str, ...]
    element: Member | None = None
    key: Member | None = None
    value: Member | None = None

    def streaming_member(self) -> Member | None:
        """The payload that is streamed, not held: S3's Body; an event stream too."""
        payload = self.traits.get("payload")
        if payload is None:
            return None
        member = self.members[payload]
        streams = member.trait("streaming") or member.shape.traits.get("eventstream")
        return member if streams else None


@dataclass(slots=True)
class Operation:
    """One operation of an API."""

    name: str
    http_method: str
    http_uri: str  # with {Labels}, and literal query parameters after "?"
    http_status: int
    traits: Mapping[str, Any]
    input: Shape | None
    output: Shape | None
    errors: tuple[str, ...]
    streaming_input: str | None  # the member that is a stream, or None
    streaming_output: str | None
    model: "ServiceModel" = field(repr=False)
    compiled: dict[str, Any] = field(default_factory=dict, repr=False)

    def error_shape(self, code: str) -> Shape | None:
        """The modelled error of this code: its shape's name, or the code it has in the query protocol."""
        return self.model.error_shape(code)


@dataclass(slots=True)
class ServiceModel:
    """One service: what its model file says, the overlay's protocols included."""

    name: str
    metadata: Mapping[str, Any]
    raw_shapes: Mapping[str, Mapping[str, Any]] = field(repr=False)
    raw_operations: Mapping[str, Mapping[str, Any]] = field(repr=False)
    overlay: Overlay = PLAIN
    operations: "Operations" = field(init=False, repr=False)
    compiled: dict[Any, Any] = field(default_factory=dict, repr=False)
    _shapes: dict[str, Shape] = field(default_factory=dict, repr=False)
    _errors: dict[str, Shape] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.operations = Operations(self)

    @property
    def protocols(self) -> tuple[str, ...]:
        return (*self.metadata["protocols"], *self.overlay.protocols)

    @property
    def api_version(self) -> str:
        return self.metadata["apiVersion"]

    @property
    def target_prefix(self) -> str:
        return self.metadata.get("targetPrefix", "")

    @property
    def json_version(self) -> str:
        return self.metadata.get("jsonVersion", "1.0")

    @property
    def signing_name(self) -> str:
        return self.metadata.get("signingName") or self.metadata["endpointPrefix"]

    @property
    def xml_namespace(self) -> str:
        return self.overlay.query_namespace or self.metadata.get("xmlNamespace", "")

    @property
    def query_compatible(self) -> bool:
        """JSON and CBOR errors also name the code that the query protocol uses."""
        return "awsQueryCompatible" in self.metadata

    def shape(self, name: str) -> Shape:
        found = self._shapes.get(name)
        if found is None:
            found = self._shapes[name] = self._make_shape(name)
        return found

    def _make_shape(self, name: str) -> Shape:
        raw = self.raw_shapes[name]

        def member(role: str, traits: Mapping[str, Any]) -> Member:
            return Member(role, traits["shape"], traits, self)

        return Shape(
            name=name,
            type=raw["type"],
            traits=raw,
            members={key: member(key, traits) for key, traits in raw.get("members", {}).items()},
            required=tuple(raw.get("required", ())),
            element=member("member", raw["member"]) if "member" in raw else None,
            key=member("key", raw["key"]) if "key" in raw else None,
            value=member("value", raw["value"]) if "value" in raw else None,
        )

    def error_shape(self, code: str) -> Shape | None:
        """The modelled error of this code: its shape's name, or the code it has in the query protocol."""
        if not self._errors:
            for name, raw in self.raw_shapes.items():
                if raw.get("exception") or "error" in raw:
                    self._errors.setdefault(raw.get("error", {}).get("code", name), self.shape(name))
                    if name in self.overlay.query_errors:
                        self._errors.setdefault(self.overlay.query_errors[name][0], self.shape(name))
            for name, raw in self.raw_shapes.items():
                if raw.get("exception") or "error" in raw:
                    self._errors[name] = self.shape(name)
        return self._errors.get(code)

    def error_status(self, error: AwsError) -> int:
        """The status the model gives the error, else its own."""
        shape = self.error_shape(error.code)
        modelled = shape.traits.get("error", {}).get("httpStatusCode") if shape is not None else None
        return modelled or error.status

    def query_code(self, code: str) -> str:
        """What the query protocol calls the error `code`."""
        shape = self.error_shape(code)
        if shape is None:
            return self.overlay.query_errors.get(code, (code, 0))[0]
        if shape.name in self.overlay.query_errors:
            return self.overlay.query_errors[shape.name][0]
        return shape.traits.get("error", {}).get("code", shape.name)

    def query_view(self) -> "ServiceModel":
        """This service as the query protocol sees it: the overlay's names laid over the shapes."""
        if not self.overlay.query_shapes:
            return self
        view = self.compiled.get("query_view")
        if view is None:
            shapes = {**self.raw_shapes}
            for name, traits in self.overlay.query_shapes.items():
                shapes[name] = _laid_over(shapes[name], traits)
            view = ServiceModel(self.name, self.metadata, shapes, self.raw_operations, self.overlay)
            self.compiled["query_view"] = view
        return view


class Operations(Mapping[str, Operation]):
    """Operations by name, each made when first asked for."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._made: dict[str, Operation] = {}

    def __getitem__(self, name: str) -> Operation:
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._model.raw_operations)

    def __len__(self) -> int:
        return len(self._model.raw_operations)

    def __contains__(self, name: object) -> bool:
        return name in self._model.raw_operations

    def _make(self, name: str) -> Operation:
        model, raw = self._model, self._model.raw_operations[name]
        taken = model.shape(raw["input"]["shape"]) if "input" in raw else None
        given = model.shape(raw["output"]["shape"]) if "output" in raw else None
        stream_in, stream_out = (shape.streaming_member() if shape else None for shape in (taken, given))
        return Operation(
            name=name,
            http_method=raw["http"]["method"],
            http_uri=raw["http"]["requestUri"],
            http_status=raw["http"].get("responseCode", 200),
            traits=raw,
            input=taken,
            output=given,
            errors=tuple(raw.get("errors", ())),
            streaming_input=stream_in.name if stream_in else None,
            streaming_output=stream_out.name if stream_out else None,
            model=model,
        )


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` merged into `below`, mapping by mapping."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _laid_over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


@functools.cache
def load(service: str) -> ServiceModel:
    """The model of `service`, by botocore's name (sqs, s3, lambda, cloudwatch, logs …), or our own: cloudlet."""
    own = MODELS / f"{service}.json"
    text = own.read_bytes() if own.exists() else gzip.decompress((MODELS / f"{service}.json.gz").read_bytes())
    raw = msgspec.json.decode(text)
    return ServiceModel(service, raw["metadata"], raw["shapes"], raw["operations"], BY_SERVICE.get(service, PLAIN))


def compiled_once(model: ServiceModel, key: Any, make: Callable[[], Any]) -> Any:
    """`model.compiled[key]`, made at first use; None is something to keep too."""
    try:
        return model.compiled[key]
    except KeyError:
        made = model.compiled[key] = make()
        return made


def reachable(shape: Shape) -> set[str]:
    """The names of the shapes inside `shape`: its own is among them if it contains itself."""
    reached: set[str] = set()
    todo = [shape]
    while todo:
        current = todo.pop()
        for member in (*current.members.values(), current.element, current.value):
            if member is not None and member.shape_name not in reached:
                reached.add(member.shape_name)
                todo.append(member.shape)
    return reached
