"""Decisions, following AWS's flow chart and tables; and the sentence a denied caller reads."""

import json
from dataclasses import replace
from typing import Any

import pytest

from cloudlet.kit.policy import (
    ANONYMOUS,
    Access,
    NamedPolicy,
    Policies,
    Principal,
    decide,
    service_principal,
    simulate,
)
from cloudlet.kit.policy.evaluate import READ_CHARACTERS_KEPT_MAX, Decisions

HOME, AWAY = "111122223333", "444455556666"
QUEUE = f"arn:aws:sqs:eu-west-1:{HOME}:jobs"
ROLE = f"arn:aws:iam::{HOME}:role/worker"
BOB = Principal(f"arn:aws:iam::{HOME}:user/bob", HOME, "User", "AIDABOB", "bob")
ROOT = Principal(f"arn:aws:iam::{HOME}:root", HOME, "Root", HOME, "root")
SESSION = Principal(
    f"arn:aws:sts::{HOME}:assumed-role/worker/run-1", HOME, "AssumedRole", "AROAWORKER:run-1", "worker", role_arn=ROLE
)
FEDERATED = Principal(
    f"arn:aws:sts::{HOME}:federated-user/guest", HOME, "FederatedUser", f"{HOME}:guest", "guest", role_arn=BOB.arn
)
STRANGER = Principal(f"arn:aws:iam::{AWAY}:user/eve", AWAY, "User", "AIDAEVE", "eve")


def policy(*statements, name="p", version="2012-10-17"):
    return NamedPolicy(name, json.dumps({"Version": version, "Statement": list(statements)}))


def statement(effect="Allow", action="sqs:*", resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


ALLOW, DENY, OTHER = policy(statement()), policy(statement("Deny")), policy(statement(action="s3:*"))


def names(principal, effect="Allow", **more):
    """A resource-based policy that names `principal`."""
    return policy(statement(effect, Principal=principal, **more), name="queue policy")


def ask(principal=BOB, identity=(), boundary=None, session=None, queue_policy=None, context=None, **access):
    asked = Access(
        **{"action": "sqs:SendMessage", "resource": QUEUE, "resource_account": HOME, **access},
        resource_policy=queue_policy,
    )
    return decide(principal, Policies(tuple(identity), boundary, session), asked, context or {})


def reason(decision):
    assert not decision.allowed
    return decision.message.split(QUEUE)[1].strip()


NO_IDENTITY = "because no identity-based policy allows the sqs:SendMessage action"
NO_RESOURCE = "because no resource-based policy allows the sqs:SendMessage action"
NO_BOUNDARY = "because no permissions boundary allows the sqs:SendMessage action"
NO_SESSION = "because no session policy allows the sqs:SendMessage action"


def test_without_a_policy_everything_is_denied():
    decision = ask()
    assert not decision.allowed and not decision.explicit and decision.kind == "identity"
    assert decision.message == (
        f"User: {BOB.arn} is not authorized to perform: sqs:SendMessage on resource: {QUEUE}"
        " because no identity-based policy allows the sqs:SendMessage action"
    )


def test_an_allowing_statement_allows_and_is_named():
    decision = ask(identity=[OTHER, policy(statement(action="s3:*"), statement(Sid="Send"), name="senders")])
    assert decision.allowed and (decision.kind, decision.policy, decision.statement) == ("identity", "senders", "Send")
    assert decision.message == ""
    assert ask(identity=[policy(statement(action="s3:*"), statement())]).statement == 1


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"identity": [ALLOW, DENY]}, "with an explicit deny in an identity-based policy"),
        ({"identity": [ALLOW], "boundary": DENY}, "with an explicit deny in a permissions boundary"),
        ({"identity": [ALLOW], "session": (ALLOW, DENY)}, "with an explicit deny in a session policy"),
        (
            {"identity": [ALLOW], "queue_policy": names({"AWS": HOME}, "Deny")},
            "with an explicit deny in a resource-based policy",
        ),
    ],
)
def test_one_deny_anywhere_denies_even_what_the_resource_grants(place, words):
    decision = ask(**place)
    assert decision.explicit and reason(decision) == words
    grants = policy(
        statement(Principal={"AWS": BOB.arn}),
        *([statement("Deny", Principal={"AWS": HOME})] if "queue_policy" in place else []),
    )
    assert reason(ask(**{**place, "queue_policy": grants})) == words


def test_boundary_and_session_policy_limit_and_never_grant():
    assert reason(ask(boundary=ALLOW, session=(ALLOW,))) == NO_IDENTITY
    assert ask(identity=[ALLOW], boundary=ALLOW, session=(ALLOW,)).allowed
    assert reason(ask(identity=[ALLOW], boundary=OTHER)) == NO_BOUNDARY
    assert reason(ask(identity=[ALLOW], session=(OTHER,))) == NO_SESSION
    assert reason(ask(identity=[ALLOW], session=())) == NO_SESSION
    assert ask(identity=[ALLOW], session=(OTHER, ALLOW)).allowed


@pytest.mark.parametrize(
    ("principal", "named", "limits", "expected"),
    [
        # "Resource-based policies and implicit denies in other policy types (same account)"
        (BOB, {"AWS": BOB.arn}, {}, "allowed"),
        (BOB, {"AWS": BOB.arn}, {"boundary": OTHER}, "allowed"),
        (BOB, {"AWS": "AIDABOB"}, {"boundary": OTHER}, "allowed"),
        (SESSION, {"AWS": ROLE}, {}, "allowed"),
        (SESSION, {"AWS": "AROAWORKER"}, {}, "allowed"),
        (SESSION, {"AWS": ROLE}, {"boundary": OTHER}, NO_BOUNDARY),
        (SESSION, {"AWS": ROLE}, {"session": (OTHER,)}, NO_SESSION),
        (SESSION, {"AWS": SESSION.arn}, {"boundary": OTHER, "session": (OTHER,)}, "allowed"),
        (FEDERATED, {"AWS": FEDERATED.arn}, {"session": (OTHER,)}, "allowed"),
        (FEDERATED, {"AWS": BOB.arn}, {"session": (ALLOW,)}, "allowed"),
        (FEDERATED, {"AWS": BOB.arn}, {"session": (OTHER,)}, NO_SESSION),
        (FEDERATED, {"AWS": BOB.arn}, {}, NO_SESSION),
        # everybody, the account, somebody else
        (BOB, "*", {}, "allowed"),
        (BOB, {"AWS": "*"}, {"boundary": OTHER}, "allowed"),
        (BOB, {"AWS": HOME}, {}, NO_IDENTITY),
        (BOB, {"AWS": ROOT.arn}, {}, NO_IDENTITY),
        (SESSION, {"AWS": HOME}, {}, NO_IDENTITY),
        (FEDERATED, {"AWS": HOME}, {"session": (ALLOW,)}, NO_IDENTITY),
        (BOB, {"AWS": BOB.arn + "by"}, {}, NO_IDENTITY),
        (BOB, {"Service": "sns.amazonaws.com"}, {}, NO_IDENTITY),
    ],
)
def test_what_a_resource_based_policy_of_the_same_account_grants(principal, named, limits, expected):
    decision = ask(principal, queue_policy=names(named), **limits)
    assert (decision.allowed and "allowed") or reason(decision) == expected
    assert decision.allowed == (expected == "allowed")


def test_a_user_name_is_compared_with_its_case():
    assert not ask(queue_policy=names({"AWS": BOB.arn.replace("bob", "Bob")})).allowed


def test_over_accounts_both_sides_must_allow():
    assert reason(ask(STRANGER, queue_policy=names({"AWS": STRANGER.arn}))) == NO_IDENTITY
    assert reason(ask(STRANGER, identity=[ALLOW])) == NO_RESOURCE
    assert reason(ask(STRANGER, identity=[ALLOW], queue_policy=names({"AWS": BOB.arn}))) == NO_RESOURCE
    for named in ({"AWS": STRANGER.arn}, {"AWS": AWAY}, {"AWS": f"arn:aws:iam::{AWAY}:root"}, "*"):
        assert ask(STRANGER, identity=[ALLOW], queue_policy=names(named)).allowed
        assert reason(ask(STRANGER, identity=[ALLOW], boundary=OTHER, queue_policy=names(named))) == NO_BOUNDARY


def test_the_root_user_needs_no_policy_but_obeys_the_resources():
    decision = ask(ROOT)
    assert decision.allowed and decision.kind == "root"
    assert reason(ask(ROOT, queue_policy=names("*", "Deny"))) == "with an explicit deny in a resource-based policy"
    other_root = replace(ROOT, arn=f"arn:aws:iam::{AWAY}:root", account=AWAY, user_id=AWAY)
    assert reason(ask(other_root)) == NO_RESOURCE
    assert ask(other_root, queue_policy=names({"AWS": AWAY})).allowed


def test_a_service_needs_the_resources_policy_and_its_source_must_fit():
    sns = service_principal("sns.amazonaws.com")
    topic = f"arn:aws:sns:eu-west-1:{HOME}:news"
    fitting = names(
        {"Service": "sns.amazonaws.com"},
        Condition={"ArnEquals": {"aws:SourceArn": topic}, "StringEquals": {"aws:SourceAccount": HOME}},
    )
    source = {"aws:SourceArn": topic, "aws:SourceAccount": HOME}
    denied = ask(sns, identity=[ALLOW])
    assert denied.message == (
        f"User: sns.amazonaws.com is not authorized to perform: sqs:SendMessage on resource: {QUEUE} {NO_RESOURCE}"
    )
    assert ask(sns, queue_policy=fitting, context=source).allowed
    assert not ask(sns, queue_policy=fitting, context={**source, "aws:SourceArn": topic + "2"}).allowed
    assert not ask(sns, queue_policy=fitting, context={"aws:SourceArn": topic}).allowed
    assert not ask(service_principal("s3.amazonaws.com"), queue_policy=fitting, context=source).allowed
    assert not ask(sns, queue_policy=names({"AWS": HOME})).allowed
    assert ask(sns, queue_policy=names({"AWS": "*"})).allowed


def test_nobody_in_particular_gets_what_everybody_gets():
    assert ask(ANONYMOUS, queue_policy=names("*")).allowed
    assert not ask(ANONYMOUS, queue_policy=names({"AWS": HOME})).allowed
    denied = ask(ANONYMOUS)
    assert denied.message.startswith("User: anonymous is not authorized to perform: sqs:SendMessage on resource: arn:")
    assert reason(denied) == NO_RESOURCE


def assume(principal, trust, identity=()):
    access = Access("sts:AssumeRole", ROLE, HOME, trust)
    return decide(principal, Policies(tuple(identity)), access, {})


def trusts(principal, effect="Allow", action="sts:AssumeRole"):
    return policy({"Effect": effect, "Principal": principal, "Action": action})


def test_a_role_is_assumed_by_whom_its_trust_policy_names():
    may = [policy(statement(action="sts:AssumeRole"))]
    assert assume(BOB, trusts({"AWS": BOB.arn})).allowed
    assert assume(BOB, trusts({"AWS": HOME}), may).allowed
    assert assume(BOB, trusts({"AWS": HOME})).message.endswith(
        "because no identity-based policy allows the sts:AssumeRole action"
    )
    assert assume(SESSION, trusts({"AWS": ROLE})).allowed
    assert assume(service_principal("lambda.amazonaws.com"), trusts({"Service": "lambda.amazonaws.com"})).allowed
    assert not assume(service_principal("lambda.amazonaws.com"), trusts({"Service": "sns.amazonaws.com"})).allowed


def test_no_identity_policy_replaces_the_trust_policy():
    everything = [policy(statement(action="*"))]
    implicit = assume(BOB, trusts({"AWS": AWAY}), everything)
    assert implicit.message == (
        f"User: {BOB.arn} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
        " because no role trust policy allows the sts:AssumeRole action"
    )
    assert not assume(ROOT, trusts({"AWS": AWAY})).allowed
    assert not decide(BOB, Policies(tuple(everything)), Access("sts:AssumeRole", ROLE, HOME), {}).allowed
    both = [{"Effect": effect, "Principal": {"AWS": BOB.arn}, "Action": "sts:*"} for effect in ("Allow", "Deny")]
    explicit = assume(BOB, policy(*both))
    assert explicit.message.endswith(f"on resource: {ROLE} with an explicit deny in the role trust policy")
    assert explicit.kind == "trust"


def test_a_role_of_another_account_needs_both():
    may = [policy(statement(action="sts:AssumeRole", resource=ROLE))]
    assert assume(STRANGER, trusts({"AWS": AWAY}), may).allowed
    assert not assume(STRANGER, trusts({"AWS": STRANGER.arn})).allowed
    assert not assume(STRANGER, trusts({"AWS": HOME}), may).allowed


def test_an_external_id_is_a_condition_like_any_other():
    trust = policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": BOB.arn},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "42"}},
        }
    )
    for external_id, allowed in (("42", True), ("43", False)):
        access = Access("sts:AssumeRole", ROLE, HOME, trust, {"sts:ExternalId": external_id})
        assert decide(BOB, Policies(), access, {}).allowed is allowed


def test_passing_a_role_needs_iam_passrole_on_that_role_and_may_be_bound_to_a_service():
    to_lambda = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    may = Policies((policy(statement(action="iam:PassRole", resource=f"{ROLE}*", Condition=to_lambda)),))

    def passing(role, service):
        return decide(BOB, may, Access("iam:PassRole", role, HOME, None, {"iam:PassedToService": service}), {})

    assert passing(ROLE, "lambda.amazonaws.com").allowed
    assert not passing(ROLE, "states.amazonaws.com").allowed
    assert not passing(f"arn:aws:iam::{HOME}:role/admin", "lambda.amazonaws.com").allowed


@pytest.mark.parametrize(
    ("principal", "denied"),
    [(BOB, False), (SESSION, True), (STRANGER, True), (ROOT, True), (service_principal("sns.amazonaws.com"), True)],
)
def test_a_deny_with_notprincipal_spares_only_who_is_named(principal, denied):
    spares_bob = policy(
        statement("Allow", Principal="*"), {**statement("Deny"), "NotPrincipal": {"AWS": [BOB.arn, "000000000000"]}}
    )
    assert ask(principal, identity=[ALLOW], queue_policy=spares_bob).allowed is not denied


def test_notprincipal_is_not_satisfied_by_the_account_or_the_role_alone():
    def excepting(*arns):
        return policy({**statement("Deny"), "NotPrincipal": {"AWS": list(arns)}})

    assert not ask(BOB, identity=[ALLOW], queue_policy=excepting(HOME)).allowed
    assert not ask(SESSION, identity=[ALLOW], queue_policy=excepting(HOME, ROLE)).allowed
    assert ask(SESSION, identity=[ALLOW], queue_policy=excepting(HOME, ROLE, SESSION.arn)).allowed
    assert ask(ROOT, queue_policy=excepting(HOME)).allowed


def test_a_denied_role_denies_its_sessions_and_a_denied_account_its_users():
    assert not ask(SESSION, identity=[ALLOW], queue_policy=names({"AWS": ROLE}, "Deny")).allowed
    assert not ask(BOB, identity=[ALLOW], queue_policy=names({"AWS": HOME}, "Deny")).allowed
    assert ask(
        STRANGER,
        identity=[ALLOW],
        queue_policy=policy(statement(Principal="*"), statement("Deny", Principal={"AWS": HOME})),
    ).allowed


@pytest.mark.parametrize(
    ("element", "pattern", "matches"),
    [
        ("Resource", QUEUE, True),
        ("Resource", "arn:aws:sqs:*:*:jobs", True),
        ("Resource", "arn:aws:sqs:*jobs", True),  # a star runs over colons
        ("Resource", "arn:aws:sqs:*:*:job?", True),
        ("Resource", "arn:aws:sqs:*:*:Jobs", False),
        ("Resource", "arn:aws:sqs:eu-west-1:*:other", False),
        ("Resource", ["arn:aws:s3:::x", "*"], True),
        ("NotResource", "arn:aws:sqs:*:*:other", True),
        ("NotResource", ["arn:aws:sqs:*:*:other", QUEUE], False),
        ("Resource", "arn:aws:sqs:*:*:${aws:PrincipalTag/Queue}", True),
        ("Resource", "arn:aws:sqs:*:*:${aws:PrincipalTag/none}", False),
        ("Resource", ["arn:aws:sqs:*:*:${aws:PrincipalTag/none}", "arn:aws:sqs:*"], True),
        ("Resource", "arn:aws:sqs:*:*:${aws:PrincipalTag/none, 'jobs'}", True),
        ("NotResource", "arn:aws:sqs:*:*:${aws:PrincipalTag/Queue}", False),
        ("NotResource", "arn:aws:sqs:*:*:${aws:PrincipalTag/none}", False),
        ("Resource", "arn:aws:sqs:*:*:${aws:PrincipalTag/Star}", False),  # a tag "*" is not every queue
    ],
)
def test_which_resources_a_statement_speaks_about(element, pattern, matches):
    tagged = replace(BOB, tags={"queue": "jobs", "Star": "*"})
    document = policy({"Effect": "Allow", "Action": "sqs:*", element: pattern})
    assert ask(tagged, identity=[document]).allowed is matches


def test_an_action_without_a_resource_needs_a_star():
    listing = {"action": "sqs:ListQueues", "resource": "*"}
    assert ask(identity=[ALLOW], **listing).allowed
    denied = ask(identity=[policy(statement(resource="arn:aws:sqs:*:*:*"))], **listing)
    assert "on resource: * because no identity-based" in denied.message


def test_variables_are_plain_text_in_an_old_document():
    resource = "arn:aws:sqs:eu-west-1:*:${aws:username}"
    asked = {"resource": f"arn:aws:sqs:eu-west-1:{HOME}:bob"}
    assert ask(identity=[policy(statement(resource=resource))], **asked).allowed
    assert not ask(identity=[policy(statement(resource=resource), version="2008-10-17")], **asked).allowed


def test_the_services_keys_are_compared_and_the_nodes_go_first():
    wants = policy(statement(Condition={"StringEquals": {"sqs:x": "1", "aws:SourceIp": "10.0.0.1"}}))
    service = {"SQS:X": "1", "aws:sourceip": "10.0.0.1"}
    assert ask(identity=[wants], **{"context": {}}).allowed is False
    asked = Access("sqs:SendMessage", QUEUE, HOME, None, service)
    assert decide(BOB, Policies((wants,)), asked, {}).allowed
    assert not decide(BOB, Policies((wants,)), asked, {"aws:SourceIp": "10.9.9.9"}).allowed


@pytest.mark.parametrize("text", ["", "{", '{"Statement": 7}', b"\xff"])
def test_a_policy_that_cannot_be_read_denies_even_the_root_user(text):
    broken = NamedPolicy("broken", text)
    for decision in (
        ask(identity=[ALLOW, broken]),
        ask(identity=[ALLOW], boundary=broken),
        ask(identity=[ALLOW], session=(ALLOW, broken)),
        ask(ROOT, queue_policy=broken),
    ):
        assert not decision.allowed and decision.kind == "malformed"
        assert reason(decision) == "because a policy that applies cannot be read"


def test_an_identity_policy_without_a_resource_allows_nothing_but_denies():
    without = {"Effect": "Allow", "Action": "sqs:*"}
    assert not ask(identity=[policy(without)]).allowed
    assert ask(identity=[ALLOW, policy({**without, "Effect": "Deny"})]).explicit
    assert ask(queue_policy=policy({**without, "Principal": {"AWS": BOB.arn}})).allowed


def test_a_decision_names_what_decided():
    decision = ask(identity=[policy(statement("Deny", Sid="No"), name="limits")])
    assert (decision.allowed, decision.explicit, decision.kind) == (False, True, "identity")
    assert (decision.policy, decision.statement) == ("limits", "No")
    assert (decision.principal, decision.action, decision.resource) == (BOB.arn, "sqs:SendMessage", QUEUE)
    assert decision.message == (
        f"User: {BOB.arn} is not authorized to perform: sqs:SendMessage on resource: {QUEUE}"
        " with an explicit deny in an identity-based policy"
    )


def test_a_simulation_names_what_matched_and_what_it_missed():
    identity = (
        policy(statement(Sid="Send"), name="a"),
        policy(statement(Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}), name="b"),
        policy(statement(resource="arn:aws:sqs:*:*:${aws:PrincipalTag/q}"), name="c"),
        policy(statement(action="s3:*", Condition={"StringEquals": {"s3:prefix": "x"}}), name="d"),
    )
    access = Access("sqs:SendMessage", QUEUE, HOME)
    result = simulate(BOB, Policies(identity, boundary=ALLOW), access, {})
    assert result.eval_decision == "allowed" and result.allowed_by_boundary is True
    assert [(each.kind, each.policy, each.statement) for each in result.matched] == [
        ("identity", "a", "Send"),
        ("boundary", "p", 0),
    ]
    assert result.missing_context_values == ("aws:MultiFactorAuthPresent", "aws:PrincipalTag/q")
    context = {"aws:MultiFactorAuthPresent": "true"}
    assert [each.policy for each in simulate(BOB, Policies(identity), access, context).matched] == ["a", "b"]
    assert simulate(BOB, Policies(identity, boundary=OTHER), access, {}).eval_decision == "implicitDeny"
    assert simulate(BOB, Policies(identity, boundary=OTHER), access, {}).allowed_by_boundary is False
    denied = simulate(BOB, Policies((*identity, DENY)), access, {})
    assert denied.eval_decision == "explicitDeny" and denied.matched[-1].deny


def test_a_decision_is_kept_with_what_it_read_of_the_request() -> None:
    plain = NamedPolicy("p", '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}')
    by_address = NamedPolicy(
        "q",
        '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:GetObject","Resource":"*",'
        '"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}',
    )
    asked = 0

    def context_from(address: str) -> Any:
        def context() -> dict[str, str]:
            nonlocal asked
            asked += 1
            return {"aws:SourceIp": address}

        return context

    decisions = Decisions(kept_max=2)
    put, get = (Access(f"s3:{name}", "arn:aws:s3:::b/k", HOME) for name in ("PutObject", "GetObject"))
    policies = Policies((plain, by_address), serial=1)
    kept = decisions.decide(BOB, policies, put, context_from("10.1.1.1"))
    assert kept.allowed and decisions.decide(BOB, policies, put, context_from("10.1.1.1")) is kept and not asked
    denied = decisions.decide(BOB, policies, get, context_from("10.1.1.1"))
    assert not denied.allowed and decisions.decide(BOB, policies, get, context_from("10.1.1.1")) is denied
    allowed = decisions.decide(BOB, policies, get, context_from("192.0.2.1"))
    assert allowed.allowed and decisions.decide(BOB, policies, get, context_from("192.0.2.1")) is allowed
    assert not decisions.decide(BOB, policies, get, context_from("10.1.1.1")).allowed and asked
    long = "10.1.1.1" + " " * READ_CHARACTERS_KEPT_MAX  # nobody fills the memory with what requests say
    assert decisions.decide(BOB, policies, get, context_from(long)) is not decisions.decide(
        BOB, policies, get, context_from(long)
    )
    # Other policies of the same serial would be a fault of ours; another serial is decided anew.
    assert not decisions.decide(BOB, Policies((), serial=2), put, context_from("10.1.1.1")).allowed
