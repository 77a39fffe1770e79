"""A second evaluator of IAM policies, written from AWS's flow chart and tables alone, as plainly as they read.

It shares nothing with the node's but the values it takes: it reads the JSON for every question, matches with regular
expressions, and walks the chart with the words of the documentation.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import ipaddress
import json
import re

# The moments that dates may name, in the ways they may be written.
MOMENTS = {
    "2025-06-30T12:00:00Z": 1_751_284_800,
    "2026-01-01": 1_767_225_600,
    "2026-01-01T00:00:00Z": 1_767_225_600,
    "2026-01-01T01:00:00+01:00": 1_767_225_600,
    "1767225600": 1_767_225_600,
    "2026-01-01T00:00:01Z": 1_767_225_601,
}


def listed(value):
    return value if isinstance(value, list) else [value]


def expanded(pattern, keys):
    """(is taken as it is, text) pairs: what stands for variables is never a wildcard. None: one has no value."""
    parts = []
    for at, part in enumerate(re.split(r"\$\{([^}]*)\}", pattern)):
        if at % 2 == 0:
            parts.append((keys is None, part))
        elif part in ("*", "?", "$"):
            parts.append((True, part))
        else:
            name, _, default = part.partition(",")
            values = keys.get(name.strip().lower(), [])
            if len(values) != 1 and not default:
                return None
            parts.append((True, values[0] if len(values) == 1 else default.strip().strip("'")))
    return parts


def text_of(parts):
    return "".join(text for _, text in parts)


def like(parts, text, flags=0):
    """`*` is any run of characters, `?` any one."""
    expression = ""
    for is_literal, part in parts:
        escaped = re.escape(part)
        expression += escaped if is_literal else escaped.replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL | flags) is not None


def plain_like(pattern, text, flags=0):
    return like([(False, pattern)], text, flags)


def arn_like(parts, text):
    """Each of the six components for itself."""
    pattern = "".join(re.sub(r"([*?])", "\\\\\\1", part) if is_literal else part for is_literal, part in parts)
    ours, theirs = pattern.split(":", 5), text.split(":", 5)
    return len(ours) == len(theirs) and all(
        re.fullmatch(re.sub(r"\\\\([*?])|(\\\*)|(\\\?)", _wildcard, re.escape(one)), other, re.DOTALL)
        for one, other in zip(ours, theirs)
    )


def _wildcard(found):
    return ".*" if found[0] == r"\*" else "." if found[0] == r"\?" else re.escape(found[0][-1])


def matches(family, wanted, value):
    """Whether one value of the request matches one of the policy; `wanted` is expanded."""
    text = text_of(wanted)
    if family == "StringEquals":
        return text == value
    if family in ("StringEqualsIgnoreCase", "Bool"):
        return text.lower() == value.lower()
    if family == "StringLike":
        return like(wanted, value)
    if family in ("ArnEquals", "ArnLike"):
        return arn_like(wanted, value)
    if family == "BinaryEquals":
        return text == value
    if family == "IpAddress":
        address, network = ipaddress.ip_address(value), ipaddress.ip_network(text, strict=False)
        return address.version == network.version and address in network
    number = (lambda each: MOMENTS[each]) if family.startswith("Date") else float
    ours, theirs = number(value), number(text)
    return {
        "Equals": ours == theirs,
        "LessThan": ours < theirs,
        "LessThanEquals": ours <= theirs,
        "GreaterThan": ours > theirs,
        "GreaterThanEquals": ours >= theirs,
    }[family.removeprefix("Date").removeprefix("Numeric")]


HAVE_VARIABLES = ("String", "Arn")


def condition_holds(operator, key, wanted, keys, has_variables):
    values = keys.get(key.lower())
    if operator == "Null":
        return (not values) == (wanted == ["true"])
    quantifier, _, name = operator.rpartition(":")
    if quantifier and values is not None and not any(values):
        values = None  # a set of nothing, or of an empty text
    bare = name.removesuffix("IfExists")
    negated, family = "Not" in bare, bare.replace("Not", "")
    if not values:
        if name.endswith("IfExists") or quantifier == "ForAllValues":
            return True
        return negated and not quantifier
    expands = has_variables and family.startswith(HAVE_VARIABLES)
    known = [expanded(each, keys) if expands else [(False, each)] for each in wanted]
    if negated and None in known:
        return False  # "a variable without a value causes the statement to be invalid"
    passed = [any(each is not None and matches(family, each, value) for each in known) != negated for value in values]
    return any(passed) if quantifier == "ForAnyValue" else all(passed)


def covers(statement, access, keys, has_variables):
    def any_like(element, text, flags=0):
        if not element.endswith("Resource"):
            return any(plain_like(pattern, text, flags) for pattern in listed(statement[element]))
        if not has_variables:
            return any(plain_like(pattern, text, flags) for pattern in listed(statement[element]))
        patterns = [expanded(pattern, keys) for pattern in listed(statement[element])]
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
        condition_holds(operator, key, list(map(str, listed(wanted))), keys, has_variables)
        for operator, block in statement.get("Condition", {}).items()
        for key, wanted in block.items()
    )


def names_itself(element, principal):
    """The caller's own ARN or unique id, its service, or everybody."""
    if element == "*" or "*" in listed(element.get("AWS", [])):
        return True
    if principal.type == "Service":
        return principal.service in listed(element.get("Service", []))
    if principal.type == "Anonymous":
        return False
    names = listed(element.get("AWS", []))
    if principal.type == "Root" and principal.account in names:
        return True
    return principal.arn in names or principal.user_id in names


def names_role(element, principal):
    if element == "*" or principal.type != "AssumedRole":
        return False
    names = listed(element.get("AWS", []))
    return principal.role_arn in names or principal.user_id.split(":")[0] in names


def names_account(element, principal):
    if element == "*" or principal.type in ("Service", "Anonymous"):
        return False
    names = listed(element.get("AWS", []))
    return principal.account in names or f"arn:aws:iam::{principal.account}:root" in names


def speaks_of(statement, principal):
    """Whether a statement of a resource-based policy is about the caller at all."""
    if "NotPrincipal" in statement:
        element = statement["NotPrincipal"]
        if statement["Effect"] == "Deny":
            return not names_itself(element, principal)
        return not any(test(element, principal) for test in (names_itself, names_role, names_account))
    element = statement["Principal"]
    return any(test(element, principal) for test in (names_itself, names_role, names_account))


def context_of(principal, access, given):
    keys = {key.lower(): value for key, value in {**access.context, **given}.items()}
    keys = {key: [value] if isinstance(value, str) else list(value) for key, value in keys.items()}
    keys.update({f"aws:principaltag/{tag.lower()}": [value] for tag, value in principal.tags.items()})
    if principal.type == "User":
        keys["aws:username"] = [principal.name]
    return keys


def naive(principal, policies, access, given):
    """allowed, explicit or implicit."""
    keys = context_of(principal, access, given)

    def applying(policy, about=lambda statement: True):
        document = json.loads(policy.text) if policy else {"Statement": []}
        has_variables = document.get("Version") == "2012-10-17"
        return [s for s in document["Statement"] if about(s) and covers(s, access, keys, has_variables)]

    def found(policy, effect):
        return any(statement["Effect"] == effect for statement in applying(policy))

    about = applying(access.resource_policy, lambda statement: speaks_of(statement, principal))
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
