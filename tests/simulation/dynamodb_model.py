"""DynamoDB's conditions and updates as its documentation describes them, made at random: each as the text of an
expression, and as a function of an item that does what the text says.

Items are in AWS's form; numbers are whole and small. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Value = dict[str, Any]
Item = dict[str, Value]
Holds = Callable[[Item], bool]
Apply = Callable[[Item], Item]

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SCALARS = ("color", "rank", "note", "n")


class DoesNotFit(Exception):
    """An update that the item has no place for: a ValidationException."""


@dataclass
class Terms:
    """The names and values of one request's expressions."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def name(self, name: str) -> str:
        self.names[f"#{name}"] = name
        return f"#{name}"

    def value(self, value: Value) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

    def members(self) -> dict[str, Any]:
        names = {"ExpressionAttributeNames": self.names} if self.names else {}
        return names | ({"ExpressionAttributeValues": self.values} if self.values else {})


def text(chance: Random, name: str) -> Value:
    return {"S": chance.choice(("red", "blue") if name == "color" else ("n", "no", "xn"))}


def number(chance: Random) -> Value:
    return {"N": str(chance.randrange(-2, 4))}


def some_of(chance: Random, name: str) -> Value:
    """A value of the kind that the attribute holds."""
    return text(chance, name) if name in ("color", "note") else number(chance)


def tags(chance: Random) -> Value:
    return {"SS": sorted(chance.sample("abcd", chance.randint(1, 3)))}


def plain(value: Value) -> Any:
    """What two values of one type are ordered by."""
    return int(value["N"]) if "N" in value else value["S"]


def compare(left: Value | None, sign: str, right: Value) -> bool:
    if sign == "=":
        return left == right
    if sign == "<>":
        return left != right
    return left is not None and left.keys() == right.keys() and ORDERS[sign](plain(left), plain(right))


# ── conditions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def condition(chance: Random, terms: Terms, depth: int = 0) -> tuple[str, Holds]:
    kind = chance.randrange(8) if depth < 2 else 0
    if kind == 7:
        inner, holds = condition(chance, terms, depth + 1)
        return f"NOT ({inner})", lambda item: not holds(item)
    if kind >= 5:
        left, left_holds = condition(chance, terms, depth + 1)
        right, right_holds = condition(chance, terms, depth + 1)
        if kind == 5:
            return f"({left}) AND ({right})", lambda item: left_holds(item) and right_holds(item)
        return f"({left}) OR ({right})", lambda item: left_holds(item) or right_holds(item)
    return chance.choice((_comparison, _comparison, _between, _in, _exists, _type, _begins, _contains, _size))(
        chance, terms
    )


def _comparison(chance: Random, terms: Terms) -> tuple[str, Holds]:
    name, sign = chance.choice(SCALARS), chance.choice(("=", "<>", *ORDERS))
    value = some_of(chance, chance.choice((name, name, "color")))  # now and then of another type
    return f"{terms.name(name)} {sign} {terms.value(value)}", lambda item: compare(item.get(name), sign, value)


def _between(chance: Random, terms: Terms) -> tuple[str, Holds]:
    name = chance.choice(SCALARS)
    low, high = sorted((some_of(chance, name), some_of(chance, name)), key=plain)
    return (
        f"{terms.name(name)} BETWEEN {terms.value(low)} AND {terms.value(high)}",
        lambda item: compare(item.get(name), ">=", low) and compare(item.get(name), "<=", high),
    )


def _in(chance: Random, terms: Terms) -> tuple[str, Holds]:
    name = chance.choice(SCALARS)
    options = [some_of(chance, name) for _ in range(chance.randint(1, 3))]
    return (
        f"{terms.name(name)} IN ({', '.join(map(terms.value, options))})",
        lambda item: any(item.get(name) == option for option in options),
    )


def _exists(chance: Random, terms: Terms) -> tuple[str, Holds]:
    name, wanted = chance.choice((*SCALARS, "tags", "list", "pk")), chance.random() < 0.5
    function = "attribute_exists" if wanted else "attribute_not_exists"
    return f"{function}({terms.name(name)})", lambda item: (name in item) == wanted


def _type(chance: Random, terms: Terms) -> tuple[str, Holds]:
    name, kind = chance.choice((*SCALARS, "tags", "list")), chance.choice(("S", "N", "SS", "L"))
    return f"attribute_type({terms.name(name)}, {terms.value({'S': kind})})", lambda item: kind in item.get(name, {})


def _begins(chance: Random, terms: Terms) -> tuple[str, Holds]:
    name, prefix = chance.choice(SCALARS), chance.choice(("n", "no", "re"))
    return (
        f"begins_with({terms.name(name)}, {terms.value({'S': prefix})})",
        lambda item: item.get(name, {}).get("S", "").startswith(prefix),
    )


def _contains(chance: Random, terms: Terms) -> tuple[str, Holds]:
    name, member = chance.choice((("tags", {"S": "a"}), ("note", {"S": "o"}), ("list", {"N": "1"}), ("n", {"N": "1"})))

    def holds(item: Item) -> bool:
        value = item.get(name, {})
        if "L" in value:
            return member in value["L"]
        return "S" in member and any(member["S"] in value[kind] for kind in ("S", "SS") if kind in value)

    return f"contains({terms.name(name)}, {terms.value(member)})", holds


def _size(chance: Random, terms: Terms) -> tuple[str, Holds]:
    name, sign, count = chance.choice(("note", "tags", "list", "n")), chance.choice(("=", *ORDERS)), number(chance)

    def holds(item: Item) -> bool:
        sizes = [len(content) for kind, content in item.get(name, {}).items() if kind != "N"]  # a number has none
        return any(compare({"N": str(size)}, sign, count) for size in sizes)

    return f"size({terms.name(name)}) {sign} {terms.value(count)}", holds


# ── updates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def update(chance: Random, terms: Terms) -> tuple[str, Apply]:
    """Actions on attributes of their own; each reads the item as it was before."""
    names = chance.sample(("color", "rank", "note", "n", "tags", "list"), chance.randint(1, 4))
    clauses: dict[str, list[str]] = {}
    actions: list[Callable[[Item, Item], None]] = []
    for name in names:
        clause, written, act = _action(chance, terms, name)
        clauses.setdefault(clause, []).append(written)
        actions.append(act)

    def apply(item: Item) -> Item:
        after = dict(item)
        for act in actions:
            act(item, after)
        return after

    return " ".join(f"{clause} {', '.join(parts)}" for clause, parts in clauses.items()), apply


def _action(chance: Random, terms: Terms, name: str) -> tuple[str, str, Callable[[Item, Item], None]]:
    if chance.random() < 0.25:

        def remove(before: Item, after: Item) -> None:
            after.pop(name, None)

        return "REMOVE", terms.name(name), remove
    if name == "n":
        return _counting(chance, terms)
    if name == "tags":
        return _tagging(chance, terms)
    if name == "list":
        return _listing(chance, terms)
    if name == "note" and chance.random() < 0.3:

        def copy(before: Item, after: Item) -> None:
            if "color" not in before:
                raise DoesNotFit
            after["note"] = before["color"]

        return "SET", f"{terms.name('note')} = {terms.name('color')}", copy
    value = some_of(chance, name)
    return "SET", f"{terms.name(name)} = {terms.value(value)}", lambda before, after: after.update({name: value})


def _counting(chance: Random, terms: Terms) -> tuple[str, str, Callable[[Item, Item], None]]:
    by = number(chance)
    n, placeholder = terms.name("n"), terms.value(by)

    def add(before: Item, after: Item) -> None:
        after["n"] = {"N": str(int(before.get("n", {"N": "0"})["N"]) + int(by["N"]))}

    def subtract(before: Item, after: Item) -> None:
        if "n" not in before:
            raise DoesNotFit
        after["n"] = {"N": str(int(before["n"]["N"]) - int(by["N"]))}

    kind = chance.randrange(3)
    if kind == 0:
        return "ADD", f"{n} {placeholder}", add
    if kind == 1:
        return "SET", f"{n} = {n} - {placeholder}", subtract
    return "SET", f"{n} = if_not_exists({n}, {terms.value({'N': '0'})}) + {placeholder}", add


def _tagging(chance: Random, terms: Terms) -> tuple[str, str, Callable[[Item, Item], None]]:
    given, adds = tags(chance), chance.random() < 0.5

    def act(before: Item, after: Item) -> None:
        old = set(before.get("tags", {"SS": []})["SS"])
        new = old | set(given["SS"]) if adds else old - set(given["SS"])
        after.pop("tags", None)
        if new:
            after["tags"] = {"SS": sorted(new)}

    return "ADD" if adds else "DELETE", f"{terms.name('tags')} {terms.value(given)}", act


def _listing(chance: Random, terms: Terms) -> tuple[str, str, Callable[[Item, Item], None]]:
    value, name = number(chance), terms.name("list")

    def append(before: Item, after: Item) -> None:
        after["list"] = {"L": [*before.get("list", {"L": []})["L"], value]}

    def put_first(before: Item, after: Item) -> None:
        if "list" not in before:
            raise DoesNotFit
        after["list"] = {"L": [value, *before["list"]["L"][1:]]}

    def remove_second(before: Item, after: Item) -> None:
        if "list" not in before:
            raise DoesNotFit
        after["list"] = {"L": [each for at, each in enumerate(before["list"]["L"]) if at != 1]}

    kind = chance.randrange(3)
    if kind == 0:
        return "SET", f"{name}[0] = {terms.value(value)}", put_first
    if kind == 1:
        return "REMOVE", f"{name}[1]", remove_second
    joined = f"list_append(if_not_exists({name}, {terms.value({'L': []})}), {terms.value({'L': [value]})})"
    return "SET", f"{name} = {joined}", append
