"""Random policies and requests: the evaluator against a naive one, written from AWS's flow chart and tables alone."""

import json
from collections import Counter
from random import Random
from typing import Any

from cloudlet.kit.policy import Access, NamedPolicy, Policies, Principal, decide
from tests.simulation.driver import Tell, simulate
from tests.simulation.naive_policy import MOMENTS, naive

A, B = "111111111111", "222222222222"


def user(account: str, name: str, **tags: str) -> Principal:
    return Principal(f"arn:aws:iam::{account}:user/{name}", account, "User", f"AIDA{name}", name, tags=tags)


def session(account: str, role: str) -> Principal:
    arn = f"arn:aws:sts::{account}:assumed-role/{role}/s"
    role_arn = f"arn:aws:iam::{account}:role/{role}"
    return Principal(arn, account, "AssumedRole", f"AROA{account}{role}:s", role, role_arn=role_arn)


PRINCIPALS = [
    user(A, "ann", team="red"),
    user(A, "bob"),
    user(A, "a*"),
    user(B, "eve", team="red"),
    session(A, "worker"),
    session(B, "worker"),
    Principal(f"arn:aws:iam::{A}:root", A, "Root", A, "root"),
    Principal(f"arn:aws:iam::{B}:root", B, "Root", B, "root"),
    Principal("sns.amazonaws.com", "", "Service", service="sns.amazonaws.com"),
    Principal("anonymous", "", "Anonymous"),
]
ACTIONS = ["s3:GetObject", "s3:PutObject", "sqs:SendMessage", "sts:AssumeRole"]
ACTION_PATTERNS = [*ACTIONS, "*", "s3:*", "S3:get*", "s3:?etObject", "*:*e*", "sqs:*", "sts:*"]
RESOURCES = ["arn:aws:s3:::data/ann/x", "arn:aws:s3:::data/red", f"arn:aws:iam::{A}:role/worker", "*"]
RESOURCE_PATTERNS = [
    *RESOURCES[:3], "*", "arn:aws:s3:::data/*", "arn:aws:s3:::data/${aws:username}/*", "arn:*:role/wor?er",
    "arn:aws:s3:::data/${aws:PrincipalTag/Team}", "arn:aws:s3:::*a*x", "arn:aws:s3:::data/${aws:username, 'ann'}/x",
    "arn:aws:s3:::data/${*}",
]  # fmt: skip
NAMES = [p.arn for p in PRINCIPALS[:8]] + [A, B, f"arn:aws:iam::{A}:role/worker", f"arn:aws:iam::{B}:role/worker"]
NAMES += ["AIDAann", f"AROA{A}worker", f"AROA{B}worker:s"]

TEXTS = ["ann", "Ann", "bob", "x", "a*", "red"]
NUMBERS = ["3", "7", "7.0", "-1", "12"]
ADDRESSES = ["10.0.0.5", "10.0.1.5", "192.168.0.1", "2001:db8::1", "2001:db9::1"]
ARNS = ["arn:aws:s3:::data", "arn:aws:sns:us-east-1:111111111111:news", "arn:aws:sns:eu-west-1:222222222222:news"]
# Key → what a request may hold of it. Those of SETS have any number of values, for ForAllValues and ForAnyValue.
KEYS = {
    "s3:prefix": TEXTS,
    "s3:max-keys": NUMBERS,
    "aws:EpochTime": list(MOMENTS),
    "aws:SecureTransport": ["true", "false"],
    "aws:SourceIp": ADDRESSES,
    "aws:SourceArn": ARNS,
    "my:Key": ["YQ==", "YWI=", "Yg=="],
}
SETS = {"aws:TagKeys": TEXTS, "my:Numbers": NUMBERS, "my:Arns": ARNS, "my:Addresses": ADDRESSES}
NETWORKS = ["10.0.0.0/24", "10.0.0.0/8", "10.0.1.5", "0.0.0.0/0", "2001:db8::/32", "192.168.0.1/32"]
ARN_PATTERNS = [*ARNS, "arn:aws:sns:*:*:news", "arn:aws:s?s:us-*:111111111111:*", "arn:*:*:*:*:n*",
                "arn:aws:sns:us-east-1:111111111111:${my:Name, 'news'}", "arn:aws:s3:::${s3:prefix}"]  # fmt: skip
TEXT_PATTERNS = [*TEXTS, "*", "a*", "?nn", "${aws:username}", "${aws:username}*", "${aws:PrincipalTag/team, 'red'}",
                 "${*}", "a${*}", "b?b"]  # fmt: skip
COMPARISONS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
# Operator → keys it may be asked of, keys with many values, values of the policy.
OPERATORS: dict[str, tuple[list[str], list[str], list[Any]]] = {
    **{f"String{name}": (["s3:prefix", "aws:PrincipalTag/team", "aws:username"], ["aws:TagKeys"], TEXT_PATTERNS)
       for name in ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")},
    **{f"Numeric{name}": (["s3:max-keys"], ["my:Numbers"], [*NUMBERS, 7]) for name in COMPARISONS},
    **{f"Date{name}": (["aws:EpochTime"], [], list(MOMENTS)) for name in COMPARISONS},
    **{f"Arn{name}": (["aws:SourceArn"], ["my:Arns"], ARN_PATTERNS)
       for name in ("Equals", "NotEquals", "Like", "NotLike")},
    "Bool": (["aws:SecureTransport"], [], ["true", "false", "True", True]),
    "BinaryEquals": (["my:Key"], [], ["YQ==", "YWI="]),
    "IpAddress": (["aws:SourceIp"], ["my:Addresses"], NETWORKS),
    "NotIpAddress": (["aws:SourceIp"], ["my:Addresses"], NETWORKS),
}  # fmt: skip


def some(chance: Random, choices: list) -> Any:
    return chance.choice(choices) if chance.random() < 0.5 else chance.sample(choices, chance.randint(1, 2))


def random_condition(chance: Random) -> dict[str, dict[str, Any]]:
    block: dict[str, dict[str, Any]] = {}
    for _ in range(chance.choice((1, 1, 1, 2))):
        if chance.random() < 0.1:
            key = chance.choice([*KEYS, *SETS, "aws:username"])
            block.setdefault("Null", {})[key] = chance.choice(("true", "false"))
            continue
        operator = chance.choice(list(OPERATORS))
        single, sets, values = OPERATORS[operator]
        name = operator + chance.choice(("", "", "IfExists"))
        key = chance.choice(single)
        if chance.random() < 0.4:
            name = f"{chance.choice(('ForAllValues', 'ForAnyValue'))}:{name}"
            key = chance.choice(sets or single)
        block.setdefault(name, {})[key.upper() if chance.random() < 0.1 else key] = some(chance, values)
    return block


def random_statement(chance: Random, of_resource: bool, of_trust: bool) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": chance.choices(["Allow", "Deny"], [6, 1])[0]}
    statement[chance.choices(["Action", "NotAction"], [5, 1])[0]] = some(chance, ACTION_PATTERNS)
    if not of_trust:
        statement[chance.choices(["Resource", "NotResource"], [5, 1])[0]] = some(chance, RESOURCE_PATTERNS)
    if chance.random() < 0.4:
        statement["Condition"] = random_condition(chance)
    if of_resource:
        element = chance.choices(
            [
                "*",
                {"AWS": "*"},
                {"AWS": some(chance, NAMES)},
                {"Service": "sns.amazonaws.com", "AWS": some(chance, NAMES)},
            ],
            [1, 1, 8, 3],
        )[0]
        statement[chance.choices(["Principal", "NotPrincipal"], [8, 1])[0]] = element
    return statement


def random_policy(chance: Random, of_resource: bool = False, of_trust: bool = False) -> NamedPolicy:
    statements = [random_statement(chance, of_resource, of_trust) for _ in range(chance.randint(1, 3))]
    version = chance.choices(["2012-10-17", "2008-10-17"], [9, 1])[0]
    return NamedPolicy("p", json.dumps({"Version": version, "Statement": statements}))


def random_context(chance: Random) -> dict[str, Any]:
    context: dict[str, Any] = {key: chance.choice(values) for key, values in KEYS.items() if chance.random() < 0.6}
    for key, values in SETS.items():
        if chance.random() < 0.6:
            context[key] = tuple(chance.sample(values, chance.randint(0, 3)))
    if chance.random() < 0.05:
        context["aws:TagKeys"] = ("",)
    return context


def random_case(chance: Random) -> tuple[Principal, Policies, Access, dict[str, Any]]:
    principal = chance.choice(PRINCIPALS)
    carries = principal.type in ("User", "AssumedRole")
    sessions = tuple(random_policy(chance) for _ in range(chance.choice((0, 1, 1, 2))))
    policies = Policies(
        tuple(random_policy(chance) for _ in range(chance.randint(0, 2))) if carries else (),
        random_policy(chance) if carries and chance.random() < 0.3 else None,
        sessions if principal.type == "AssumedRole" and chance.random() < 0.4 else None,
    )
    context = random_context(chance)
    given = {key: context.pop(key) for key in list(context) if chance.random() < 0.3}
    action = chance.choice(ACTIONS)
    of_trust = action == "sts:AssumeRole" and chance.random() < 0.7
    resource_policy = random_policy(chance, of_resource=True, of_trust=of_trust) if chance.random() < 0.6 else None
    return principal, policies, Access(action, chance.choice(RESOURCES), A, resource_policy, context), given


class Simulation:
    def __init__(self, chance: Random, tell: Tell, seen: Counter[str]) -> None:
        self.tell, self.seen = tell, seen

    def step(self, chance: Random) -> None:
        case = random_case(chance)
        expected = naive(*case)
        decision = decide(*case)
        got = "allowed" if decision.allowed else "explicit" if decision.explicit else "implicit"
        self.seen[got] += 1
        assert got == expected, f"{got} instead of {expected}: {case}\n{decision}"

    def end(self) -> None: ...

    def close(self) -> None: ...


def test_the_evaluator_decides_as_the_flow_chart_does() -> None:
    seen: Counter[str] = Counter()
    simulate(lambda chance, tell: Simulation(chance, tell, seen), steps=4000, run_steps=200)
    assert len(seen) == 3 or seen.total() < 100  # else the cases would prove little
