"""Random policies and requests: the evaluator against a naive one, written from AWS's flow chart and tables alone.

The naive one shares nothing with the evaluator but the values it takes: it reads the JSON for every question, matches
with regular expressions, and walks the chart with the words of the documentation.
"""

import json
import random
import re

import pytest

from cloudlet.kit.policy import Access, NamedPolicy, Policies, Principal, decide

A, B = "111111111111", "222222222222"
ROUNDS, CASES = 20, 150


def statements(policy):
    return json.loads(policy.text)["Statement"] if policy else []


def listed(value):
    return value if isinstance(value, list) else [value]


def like(pattern, text, flags=0):
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, text, re.DOTALL | flags) is not None


def filled(pattern, keys):
    """The pattern with its variables replaced, or None where one is unknown. Values here hold no wildcards."""
    for name in re.findall(r"\$\{([^}]*)\}", pattern):
        if name.lower() not in keys:
            return None
        pattern = pattern.replace("${" + name + "}", keys[name.lower()])
    return pattern


def condition_holds(operator, key, wanted, keys):
    value = keys.get(key.lower())
    if operator == "Null":
        return (value is None) == (wanted == ["true"])
    if operator.endswith("IfExists"):
        return value is None or condition_holds(operator.removesuffix("IfExists"), key, wanted, keys)
    if value is None:
        return "Not" in operator
    if operator == "NumericLessThan":
        return any(float(value) < float(each) for each in wanted)
    known = [filled(each, keys) for each in wanted]
    if "Not" in operator and None in known:
        return False
    hit = {
        "StringEquals": lambda w: w == value,
        "StringNotEquals": lambda w: w == value,
        "StringLike": lambda w: like(w, value),
        "StringNotLike": lambda w: like(w, value),
    }[operator]
    return any(w is not None and hit(w) for w in known) != ("Not" in operator)


def covers(statement, access, keys):
    def any_like(element, text, flags=0):
        patterns = [filled(p, keys) if element.endswith("Resource") else p for p in listed(statement[element])]
        if element == "NotResource" and None in patterns:
            return True  # a variable without a value: the statement does not apply
        return any(pattern is not None and like(pattern, text, flags) for pattern in patterns)

    if "Action" in statement and not any_like("Action", access.action, re.IGNORECASE):
        return False
    if "NotAction" in statement and any_like("NotAction", access.action, re.IGNORECASE):
        return False
    if "Resource" in statement and not any_like("Resource", access.resource):
        return False
    if "NotResource" in statement and any_like("NotResource", access.resource):
        return False
    return all(
        condition_holds(operator, key, listed(wanted), keys)
        for operator, block in statement.get("Condition", {}).items()
        for key, wanted in block.items()
    )


def names_itself(element, principal):
    """The caller's own ARN, its service, or everybody."""
    if element == "*" or "*" in listed(element.get("AWS", [])):
        return True
    if principal.type == "Service":
        return principal.service in listed(element.get("Service", []))
    if principal.type == "Root" and principal.account in listed(element.get("AWS", [])):
        return True
    return principal.type != "Anonymous" and principal.arn in listed(element.get("AWS", []))


def names_role(element, principal):
    return element != "*" and principal.type == "AssumedRole" and principal.role_arn in listed(element.get("AWS", []))


def names_account(element, principal):
    if element == "*" or principal.type in ("Service", "Anonymous"):
        return False
    aws = listed(element.get("AWS", []))
    return principal.account in aws or f"arn:aws:iam::{principal.account}:root" in aws


def speaks_of(statement, principal):
    """Whether a statement of a resource-based policy is about the caller at all."""
    if "NotPrincipal" in statement:
        element = statement["NotPrincipal"]
        if statement["Effect"] == "Deny":
            return not names_itself(element, principal)
        return not any(test(element, principal) for test in (names_itself, names_role, names_account))
    element = statement["Principal"]
    return any(test(element, principal) for test in (names_itself, names_role, names_account))


def naive(principal, policies, access, given):
    keys = {key.lower(): value for key, value in {**access.context, **given}.items()}
    keys.update({f"aws:principaltag/{tag.lower()}": value for tag, value in principal.tags.items()})
    if principal.type == "User":
        keys["aws:username"] = principal.name

    def found(policy, effect):
        return any(s["Effect"] == effect and covers(s, access, keys) for s in statements(policy))

    about = [s for s in statements(access.resource_policy) if speaks_of(s, principal) and covers(s, access, keys)]
    limits = [[policies.boundary]] if policies.boundary else []
    limits += [policies.session] if policies.session is not None else []
    # 1. Deny evaluation: one explicit deny in any of them is final.
    if any(found(policy, "Deny") for group in [policies.identity, *limits] for policy in group):
        return "explicit"
    if any(s["Effect"] == "Deny" for s in about):
        return "explicit"
    grants = [s for s in about if s["Effect"] == "Allow"]
    # 2. Services and anonymous callers have the resource-based policy only.
    if principal.type in ("Service", "Anonymous"):
        return "allowed" if grants else "implicit"
    trust = access.action == "sts:AssumeRole"
    identity = principal.type == "Root" or any(found(policy, "Allow") for policy in policies.identity)
    within_limits = all(any(found(policy, "Allow") for policy in group) for group in limits)
    # 3. Two accounts: two evaluations, and both must allow.
    if principal.account != access.resource_account:
        return "allowed" if identity and within_limits and grants else "implicit"
    # 4. One account: "an Allow can be final even if an implicit deny is present", by whom the policy names.
    if any("NotPrincipal" in s or names_itself(s["Principal"], principal) for s in grants):
        return "allowed"
    if any("Principal" in s and names_role(s["Principal"], principal) for s in grants):
        return "allowed" if within_limits else "implicit"
    # 5. Trust policies "must explicitly allow access for principals".
    if trust and not grants:
        return "implicit"
    return "allowed" if identity and within_limits else "implicit"


def user(account, name, **tags):
    return Principal(f"arn:aws:iam::{account}:user/{name}", account, "User", f"AIDA{name}", name, tags=tags)


def session(account, role):
    arn = f"arn:aws:sts::{account}:assumed-role/{role}/s"
    role_arn = f"arn:aws:iam::{account}:role/{role}"
    return Principal(arn, account, "AssumedRole", f"AROA{role}:s", role, role_arn=role_arn)


PRINCIPALS = [
    user(A, "ann", team="red"),
    user(A, "bob"),
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
    "arn:aws:s3:::data/${aws:PrincipalTag/Team}", "arn:aws:s3:::*a*x",
]  # fmt: skip
NAMES = [p.arn for p in PRINCIPALS[:7]] + [A, B, f"arn:aws:iam::{A}:role/worker", f"arn:aws:iam::{B}:role/worker"]
CONDITIONS = [
    {"StringEquals": {"s3:prefix": "ann"}},
    {"StringNotEquals": {"S3:Prefix": ["ann", "bob"]}},
    {"StringLike": {"s3:prefix": ["${aws:username}*", "b?b"]}},
    {"StringNotLike": {"s3:prefix": "${aws:username}"}},
    {"StringEqualsIfExists": {"aws:PrincipalTag/team": "red"}},
    {"NumericLessThan": {"s3:max-keys": 10}},
    {"NumericLessThanIfExists": {"s3:max-keys": ["5", "10"]}, "Null": {"s3:prefix": "false"}},
    {"Null": {"aws:username": "true"}},
]


def some(rng, choices):
    return rng.choice(choices) if rng.random() < 0.5 else rng.sample(choices, rng.randint(1, 2))


def random_statement(rng, of_resource):
    statement = {"Effect": rng.choices(["Allow", "Deny"], [6, 1])[0]}
    statement[rng.choices(["Action", "NotAction"], [5, 1])[0]] = some(rng, ACTION_PATTERNS)
    statement[rng.choices(["Resource", "NotResource"], [5, 1])[0]] = some(rng, RESOURCE_PATTERNS)
    if rng.random() < 0.3:
        statement["Condition"] = rng.choice(CONDITIONS)
    if of_resource:
        element = rng.choices(
            ["*", {"AWS": "*"}, {"AWS": some(rng, NAMES)}, {"Service": "sns.amazonaws.com", "AWS": some(rng, NAMES)}],
            [1, 1, 8, 3],
        )[0]
        statement[rng.choices(["Principal", "NotPrincipal"], [8, 1])[0]] = element
    return statement


def random_policy(rng, of_resource=False):
    found = [random_statement(rng, of_resource) for _ in range(rng.randint(1, 3))]
    return NamedPolicy("p", json.dumps({"Version": "2012-10-17", "Statement": found}))


def random_case(rng):
    principal = rng.choice(PRINCIPALS)
    carries = principal.type in ("User", "AssumedRole")
    policies = Policies(
        tuple(random_policy(rng) for _ in range(rng.randint(0, 2))) if carries else (),
        random_policy(rng) if carries and rng.random() < 0.3 else None,
        (random_policy(rng),) if principal.type == "AssumedRole" and rng.random() < 0.4 else None,
    )
    context = {"s3:prefix": rng.choice(["ann", "bob", "x"])} if rng.random() < 0.6 else {}
    given = {"s3:max-keys": rng.choice(["3", "7", "12"])} if rng.random() < 0.6 else {}
    resource_policy = random_policy(rng, of_resource=True) if rng.random() < 0.6 else None
    access = Access(rng.choice(ACTIONS), rng.choice(RESOURCES), A, resource_policy, context)
    return principal, policies, access, given


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_the_evaluator_decides_as_the_flow_chart_does(seed):
    rng = random.Random(seed)
    seen = set()
    for number in range(CASES):
        case = random_case(rng)
        decision = decide(*case)
        expected = naive(*case)
        got = "allowed" if decision.allowed else "explicit" if decision.explicit else "implicit"
        assert got == expected, f"seed {seed}, case {number}: {case}\n{decision}"
        seen.add(got)
    assert seen == {"allowed", "explicit", "implicit"}  # else the cases would prove little
