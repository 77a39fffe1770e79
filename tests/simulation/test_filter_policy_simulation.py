"""SNS's filter policies: random policies and messages, each condition also as a function that does what its text says.

https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
"""

import fnmatch
import ipaddress
import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from cloudlet.services.sns.filters.policy import BY_ATTRIBUTES, BY_BODY, Verdict, compile_policy
from tests.simulation.driver import Tell, simulate

Holds = Callable[[list[Any]], bool]  # of the values that the message has under the key

TEXTS = ("rugby", "Rugby", "run", "football", "10.0.0.7", "")
NUMBERS = (-1, 0, 1, 1.5, 100)
NAMES = ("a", "b", "c")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def of_one(test: Callable[[Any], bool]) -> Holds:
    """A condition is met where one of the values meets it."""
    return lambda values: any(test(value) for value in values)


def of_text(test: Callable[[str], bool]) -> Holds:
    return of_one(lambda value: isinstance(value, str) and test(value))


def random_condition(chance: Random, scope: str) -> tuple[Any, Holds]:
    kinds = (_exact, _exact, _text, _anything_but, _anything_but_text, _numeric, _exists, _address, _null)
    return chance.choice(kinds)(chance, scope)


def _exact(chance: Random, scope: str) -> tuple[Any, Holds]:
    wanted = chance.choice((*TEXTS, *NUMBERS, True, False))
    return wanted, of_one(lambda value: value == wanted and isinstance(value, bool) == isinstance(wanted, bool))


def _null(chance: Random, scope: str) -> tuple[Any, Holds]:
    """Attributes have no null: there it stands for absence."""
    return None, lambda values: None in values or (scope == BY_ATTRIBUTES and not values)


def _text_test(chance: Random) -> tuple[dict[str, Any], Callable[[str], bool]]:
    kind, wanted = (
        chance.choice(("prefix", "suffix", "equals-ignore-case", "wildcard")),
        chance.choice(("r", "ru", "By")),
    )
    if kind == "prefix":
        return {kind: wanted}, lambda value: value.startswith(wanted)
    if kind == "suffix":
        return {kind: wanted}, lambda value: value.endswith(wanted)
    if kind == "equals-ignore-case":
        text = chance.choice(TEXTS[:4])
        return {kind: text}, lambda value: value.lower() == text.lower()
    pattern = chance.choice(("r*", "*by", "*u*", "f*b*l", "rugby", "*"))
    return {kind: pattern}, lambda value: fnmatch.fnmatchcase(value, pattern)


def _text(chance: Random, scope: str) -> tuple[Any, Holds]:
    written, test = _text_test(chance)
    return written, of_text(test)


def _anything_but(chance: Random, scope: str) -> tuple[Any, Holds]:
    """Of several values one that is not excluded is enough."""
    excluded = chance.sample(chance.choice((TEXTS, NUMBERS)), chance.randint(1, 2))
    return {"anything-but": excluded}, of_one(lambda value: isinstance(value, bool) or value not in excluded)


def _anything_but_text(chance: Random, scope: str) -> tuple[Any, Holds]:
    written, test = _text_test(chance)
    return {"anything-but": written}, of_one(lambda value: not (isinstance(value, str) and test(value)))


def _numeric(chance: Random, scope: str) -> tuple[Any, Holds]:
    low, high = sorted(chance.sample(NUMBERS, 2))
    kind = chance.randrange(4)
    if kind == 0:
        return {"numeric": ["=", low]}, of_one(lambda value: is_number(value) and value == low)
    if kind == 1:
        return {"numeric": [">=", low]}, of_one(lambda value: is_number(value) and value >= low)
    if kind == 2:
        return {"numeric": ["<", high]}, of_one(lambda value: is_number(value) and value < high)
    return {"numeric": [">", low, "<=", high]}, of_one(lambda value: is_number(value) and low < value <= high)


def _exists(chance: Random, scope: str) -> tuple[Any, Holds]:
    wanted = chance.random() < 0.5
    return {"exists": wanted}, lambda values: bool(values) == wanted


def _address(chance: Random, scope: str) -> tuple[Any, Holds]:
    network = ipaddress.ip_network(chance.choice(("10.0.0.0/24", "10.0.1.0/24")))

    def within(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return {"cidr": str(network)}, of_text(within)


def random_policy(chance: Random, scope: str, depth: int = 0) -> tuple[dict[str, Any], Callable[[dict], bool]]:
    """All keys must pass; of a key's conditions, and of the alternatives of `$or`, one."""
    written: dict[str, Any] = {}
    tests: list[Callable[[dict], bool]] = []
    for name in chance.sample(NAMES, chance.randint(1, 2)):
        if scope == BY_BODY and depth == 0 and chance.random() < 0.2 and not written:
            written[name], inner = random_policy(chance, scope, 1)
            tests.append(below(name, inner))
            continue
        conditions = [random_condition(chance, scope) for _ in range(chance.randint(1, 2))]
        written[name] = [condition for condition, _ in conditions]
        tests.append(at_key(name, [test for _, test in conditions]))
    if depth == 0 and len(written) == 1 and chance.random() < 0.4:
        ways = [random_policy(chance, scope, 1) for _ in range(2)]
        written["$or"] = [way for way, _ in ways]
        tests.append(lambda found: any(way(found) for _, way in ways))
    return written, lambda found: all(test(found) for test in tests)


def below(name: str, inner: Callable[[dict], bool]) -> Callable[[dict], bool]:
    return lambda found: inner(found[name] if isinstance(found.get(name), dict) else {})


def at_key(name: str, tests: list[Holds]) -> Callable[[dict], bool]:
    return lambda found: any(test(values_of(found, name)) for test in tests)


def values_of(found: dict[str, Any], name: str) -> list[Any]:
    if name not in found or isinstance(found[name], dict):
        return []
    return found[name] if isinstance(found[name], list) else [found[name]]


def random_message(chance: Random, scope: str, depth: int = 0) -> dict[str, Any]:
    message: dict[str, Any] = {}
    scalars = (*TEXTS, *NUMBERS, *((True, False, None) if scope == BY_BODY else ()))
    for name in NAMES:
        kind = chance.randrange(6)
        if kind <= 2:
            message[name] = chance.choice(scalars)
        elif kind == 3:
            message[name] = [chance.choice((*scalars, True, None)) for _ in range(chance.randint(0, 3))]
        elif kind == 4 and scope == BY_BODY and depth == 0:
            message[name] = random_message(chance, scope, 1)
    return message


def as_attributes(message: dict[str, Any]) -> dict[str, dict[str, str]]:
    attributes = {}
    for name, value in message.items():
        if isinstance(value, list):
            attributes[name] = {"DataType": "String.Array", "StringValue": json.dumps(value)}
        elif is_number(value):
            attributes[name] = {"DataType": "Number", "StringValue": str(value)}
        else:
            attributes[name] = {"DataType": "String", "StringValue": value}
    return attributes


class Simulation:
    def __init__(self, chance: Random, tell: Tell, seen: Counter[bool]) -> None:
        self.seen = seen

    def step(self, chance: Random) -> None:
        scope = chance.choice((BY_ATTRIBUTES, BY_BODY))
        written, passes = random_policy(chance, scope)
        policy = compile_policy(json.dumps(written), scope)
        for _ in range(3):
            message = random_message(chance, scope)
            if scope == BY_BODY:
                got = policy.judge(json.dumps(message), {}) is Verdict.PASSES
            else:
                got = policy.judge("", as_attributes(message)) is Verdict.PASSES
            self.seen[got] += 1
            assert got == passes(message), f"{got} for {message} under {written} by {scope}"

    def end(self) -> None: ...

    def close(self) -> None: ...


def test_a_filter_policy_passes_what_its_text_says() -> None:
    seen: Counter[bool] = Counter()
    simulate(lambda chance, tell: Simulation(chance, tell, seen), steps=3000, run_steps=100)
    assert len(seen) == 2 or seen.total() < 100  # else the cases would prove little
