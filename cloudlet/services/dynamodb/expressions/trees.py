"""What the parsers make: operands, conditions, update actions. Names are resolved; values are still placeholders."""

from dataclasses import dataclass

from cloudlet.services.dynamodb.values import Value

Path = tuple[str | int, ...]  # an attribute name, then names within maps and indexes into lists


@dataclass(frozen=True, slots=True)
class Attribute:
    path: Path


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`:name`, bound per request."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A canonical value that stands in the tree itself: legacy parameters have no placeholders."""

    value: Value


@dataclass(frozen=True, slots=True)
class Size:
    operand: "Operand"


Operand = Attribute | Placeholder | Constant | Size


@dataclass(frozen=True, slots=True)
class Compare:
    operator: str  # = <> < <= > >=
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class In:
    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """attribute_exists, attribute_not_exists, attribute_type, begins_with or contains."""

    function: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Condition"


Condition = Compare | Between | In | Call | And | Or | Not


@dataclass(frozen=True, slots=True)
class Sum:
    operator: str  # + -
    left: "UpdateOperand"
    right: "UpdateOperand"


@dataclass(frozen=True, slots=True)
class IfNotExists:
    path: Path
    default: "UpdateOperand"


@dataclass(frozen=True, slots=True)
class ListAppend:
    left: "UpdateOperand"
    right: "UpdateOperand"


UpdateOperand = Attribute | Placeholder | Constant | Sum | IfNotExists | ListAppend


@dataclass(frozen=True, slots=True)
class Set:
    path: Path
    value: UpdateOperand


@dataclass(frozen=True, slots=True)
class Remove:
    path: Path


@dataclass(frozen=True, slots=True)
class Add:
    path: Path
    operand: Operand


@dataclass(frozen=True, slots=True)
class Delete:
    path: Path
    operand: Operand


Action = Set | Remove | Add | Delete
