"""Updates made runnable: actions applied to an item, all of them reading it as it was before."""

from cloudlet.services.dynamodb import numbers
from cloudlet.services.dynamodb.errors import invalid
from cloudlet.services.dynamodb.expressions.paths import child, find
from cloudlet.services.dynamodb.expressions.source import Values
from cloudlet.services.dynamodb.expressions.trees import (
    Action,
    Add,
    Attribute,
    Constant,
    Delete,
    IfNotExists,
    ListAppend,
    Path,
    Placeholder,
    Remove,
    Set,
    Size,
    Sum,
    UpdateOperand,
)
from cloudlet.services.dynamodb.values import SET_TYPES, Item, Value, check_nesting, copy, sorted_set, type_of

_NO_SUCH_PATH = "The document path provided in the update expression is invalid for update"
_NO_SUCH_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"
_WRONG_TYPE = "An operand in the update expression has an incorrect data type"


def apply(actions: tuple[Action, ...], item: Item, values: Values) -> Item:
    """`item` after `actions`; `item` itself stays as it was. Raises AWS's errors for what doesn't fit the item."""
    changes: list[tuple[Path, Value]] = []
    removals: list[Path] = []
    for action in actions:
        after = None if isinstance(action, Remove) else _new_value(action, item, values)
        if after is not None:
            changes.append((action.path, after))
        elif isinstance(action, Remove) or find(item, action.path) is not None:
            removals.append(action.path)
    result = _with_own_documents(item, actions)
    # Indexes mean the list as it was: additions behind its end go in their order, removals from its end.
    for path, value in sorted(changes, key=lambda change: _last_index(change[0])):
        _put(result, path, value)
    for path in sorted(removals, key=lambda path: (len(path), _last_index(path)), reverse=True):
        _remove(result, path)
    return result


def _last_index(path: Path) -> int:
    return path[-1] if isinstance(path[-1], int) else -1


def _with_own_documents(item: Item, actions: tuple[Action, ...]) -> Item:
    """A copy of `item` that shares all but what the actions' paths go through."""
    result = dict(item)
    own: set[int] = set()  # the documents of `result` alone, by their id()
    for action in actions:
        node: Value = {"M": result}
        for element in action.path[:-1]:
            found = child(node, element)
            if found is None:
                break
            if id(found) not in own:
                found = {kind: content.copy() if kind in ("M", "L") else content for kind, content in found.items()}
                own.add(id(found))
                node["M" if isinstance(element, str) else "L"][element] = found
            node = found
    return result


def _new_value(action: Set | Add | Delete, item: Item, values: Values) -> Value | None:
    """What the action leaves at its path; None if nothing, or if there was nothing."""
    if isinstance(action, Set):
        return evaluate(action.value, item, values)
    operand = evaluate(action.operand, item, values)
    before = find(item, action.path)
    if isinstance(action, Add):
        return _sum(before, operand)
    return None if before is None else _difference(before, operand)


def evaluate(operand: UpdateOperand | Size, item: Item, values: Values) -> Value:
    """The value of an operand of SET, from the item as it was before the update."""
    if isinstance(operand, Placeholder):
        return values[operand.name]
    if isinstance(operand, Constant):
        return operand.value
    if isinstance(operand, Attribute):
        found = find(item, operand.path)
        if found is None:
            raise invalid(_NO_SUCH_ATTRIBUTE)
        return found
    if isinstance(operand, IfNotExists):
        present = find(item, operand.path)
        return evaluate(operand.default, item, values) if present is None else present
    assert isinstance(operand, Sum | ListAppend)
    left, right = evaluate(operand.left, item, values), evaluate(operand.right, item, values)
    kind = "L" if isinstance(operand, ListAppend) else "N"
    if kind not in left or kind not in right:
        raise invalid(_WRONG_TYPE)
    if isinstance(operand, ListAppend):
        return {"L": left["L"] + right["L"]}
    return {"N": (numbers.add if operand.operator == "+" else numbers.subtract)(left["N"], right["N"])}


def _sum(before: Value | None, operand: Value) -> Value:
    """ADD: numbers add up, sets unite; to nothing, it is the operand itself. (The legacy ADD also joins lists.)"""
    if before is None:
        return operand
    kind = type_of(operand)
    if kind not in before:
        raise invalid(_WRONG_TYPE)
    if kind == "N":
        return {"N": numbers.add(before["N"], operand["N"])}
    if kind == "L":
        return {"L": before["L"] + operand["L"]}
    return sorted_set(kind, {*before[kind], *operand[kind]})


def _difference(before: Value, operand: Value) -> Value | None:
    """DELETE: what stays of a set, None if nothing."""
    kind = type_of(operand)
    if kind not in before or kind not in SET_TYPES:
        raise invalid(_WRONG_TYPE)
    rest = set(before[kind]).difference(operand[kind])
    return sorted_set(kind, rest) if rest else None


def _parent(item: Item, path: Path) -> Value:
    node: Value | None = {"M": item}
    for element in path[:-1]:
        node = child(node, element) if node is not None else None
    if node is None or ("M" if isinstance(path[-1], str) else "L") not in node:
        raise invalid(_NO_SUCH_PATH)
    return node


def _put(item: Item, path: Path, value: Value) -> None:
    last, parent = path[-1], _parent(item, path)
    if len(path) > 1:
        value = copy(value)
        check_nesting(value, len(path))
    if isinstance(last, str):
        parent["M"][last] = value
    elif last < len(parent["L"]):
        parent["L"][last] = value
    else:
        parent["L"].append(value)


def _remove(item: Item, path: Path) -> None:
    last, parent = path[-1], _parent(item, path)
    if isinstance(last, str):
        parent["M"].pop(last, None)
    elif last < len(parent["L"]):
        del parent["L"][last]
