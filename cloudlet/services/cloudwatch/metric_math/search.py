"""SEARCH('{Namespace,Dim} MetricName="x" word', 'Sum', 300): which series an expression means.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
Terms are joined by AND; OR, NOT and parentheses are not there yet.
"""

import re
from typing import NamedTuple

from cloudlet.base.errors import aws_error
from cloudlet.services.cloudwatch.metric_math.parser import FunctionCall, Number, Text
from cloudlet.services.cloudwatch.metric_math.values import failed

_schema = re.compile(r"\s*\{([^}]*)\}")
_part = re.compile(r"\s*(\"[^\"]*\"|[^,\"]+?)\s*(?:,|$)")
_term = re.compile(r"\s*(?:(:?[A-Za-z0-9_.-]+)\s*=\s*)?(\"[^\"]*\"|[^\s\"()=]+)(?=\s|$)")


class Query(NamedTuple):
    namespace: str | None
    dimensions: frozenset[str] | None  # the names a series must have, no others; None: any
    terms: tuple[tuple[str | None, str, bool], ...]  # (MetricName, Namespace or dimension; text; exactly)
    stat: str
    period_s: int | None

    def wants(self, namespace: str, name: str, dimensions: list[list[str]]) -> bool:
        values = {pair[0]: pair[1] for pair in dimensions}
        if self.namespace not in (None, namespace) or self.dimensions not in (None, frozenset(values)):
            return False
        facts = {"MetricName": name, "Namespace": namespace, **values}
        return all(_holds(facts, *term) for term in self.terms)


def _holds(facts: dict[str, str], name: str | None, text: str, exactly: bool) -> bool:
    if name is None:
        found = [*facts.keys() - {"MetricName", "Namespace"}, *facts.values()]
    elif name in facts:
        found = [facts[name]]
    else:
        return False
    if exactly:
        return text in found
    return any(_words(text) <= _words(value) or text.lower() in value.lower() for value in found)


def _words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", text)}


def query_of(call: FunctionCall) -> Query:
    arguments = call.arguments
    if not 2 <= len(arguments) <= 3 or not isinstance(arguments[0], Text) or not isinstance(arguments[1], Text):
        raise failed("SEARCH takes a search expression, a statistic and a period")
    period_s = int(arguments[2].value) if len(arguments) == 3 and isinstance(arguments[2], Number) else None
    text, namespace, dimensions = arguments[0].value, None, None
    schema = _schema.match(text)
    at = 0
    if schema is not None:
        at = schema.end()
        names = [part.strip('"') for part in _part.findall(schema[1])]
        if not names:
            raise failed("SEARCH needs a namespace within { }")
        namespace, dimensions = names[0], frozenset(names[1:])
    return Query(namespace, dimensions, _terms(text, at), arguments[1].value, period_s)


def _terms(text: str, at: int) -> tuple[tuple[str | None, str, bool], ...]:
    terms: list[tuple[str | None, str, bool]] = []
    while text[at:].strip():
        match = _term.match(text, at)
        if match is None or match[2] in ("OR", "NOT"):
            raise aws_error("NotImplemented", "cloudwatch: SEARCH with OR, NOT or parentheses is not implemented", 501)
        at = match.end()
        if match[1] is None and match[2] == "AND":
            continue
        name = match[1].lstrip(":") if match[1] else None
        terms.append((name, match[2].strip('"'), match[2].startswith('"')))
    return tuple(terms)
