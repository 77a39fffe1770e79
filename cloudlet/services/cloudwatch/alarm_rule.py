"""The rule of a composite alarm: ALARM("a") AND NOT (OK(b) OR FALSE). Parsed and answered; pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html (AlarmRule)
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from cloudlet.base.errors import aws_error
from cloudlet.services.cloudwatch import errors

DEPTH_MAX, CHILDREN_MAX = 20, 100
Test = Callable[[Mapping[str, str]], bool]  # child's name → its state

_token = re.compile(
    r"\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s()\"]+))\s*\)"
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE|AT_LEAST)\b|(?P<sign>[()]))"
)


class Rule(NamedTuple):
    children: tuple[str, ...]
    is_met: Test


@lru_cache(maxsize=1024)
def parse(text: str) -> Rule:
    parser = _Parser(text)
    test = parser.any_of(0)
    if not parser.at_end:
        raise _invalid()
    if len(parser.children) > CHILDREN_MAX:
        raise errors.ValidationError(f"AlarmRule must not contain more than {CHILDREN_MAX} alarms.")
    return Rule(tuple(parser.children), test)


def _invalid() -> errors.ValidationError:
    return errors.ValidationError("AlarmRule is not valid.")


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[re.Match[str]] = []
        self.children: dict[str, None] = {}
        at = 0
        while text[at:].strip():
            match = _token.match(text, at)
            if match is None:
                raise _invalid()
            self._tokens.append(match)
            at = match.end()
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._tokens)

    def _accept(self, text: str) -> bool:
        if not self.at_end and text in (self._tokens[self._at]["word"], self._tokens[self._at]["sign"]):
            self._at += 1
            return True
        return False

    def any_of(self, depth: int) -> Test:
        if depth > DEPTH_MAX:
            raise _invalid()
        tests = [self._all_of(depth)]
        while self._accept("OR"):
            tests.append(self._all_of(depth))
        return tests[0] if len(tests) == 1 else lambda states: any(test(states) for test in tests)

    def _all_of(self, depth: int) -> Test:
        tests = [self._one(depth)]
        while self._accept("AND"):
            tests.append(self._one(depth))
        return tests[0] if len(tests) == 1 else lambda states: all(test(states) for test in tests)

    def _one(self, depth: int) -> Test:
        negative = False
        while self._accept("NOT"):
            negative = not negative
        test = self._term(depth)
        return (lambda states: not test(states)) if negative else test

    def _term(self, depth: int) -> Test:
        if self._accept("("):
            test = self.any_of(depth + 1)
            if not self._accept(")"):
                raise _invalid()
            return test
        if self._accept("TRUE"):
            return lambda states: True
        if self._accept("FALSE"):
            return lambda states: False
        if self._accept("AT_LEAST"):
            raise aws_error("NotImplemented", "cloudwatch: AT_LEAST in an AlarmRule is not implemented", 501)
        if self.at_end or self._tokens[self._at]["state"] is None:
            raise _invalid()
        match = self._tokens[self._at]
        self._at += 1
        name = (match["quoted"] or match["bare"] or "").rpartition(":alarm:")[2]
        state = match["state"]
        self.children[name] = None
        return lambda states: states.get(name) == state
