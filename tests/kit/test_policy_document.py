"""Documents: what may be stored as which kind, in AWS's words; and what a compiled one speaks about."""

import json

import pytest

from cloudlet.kit.policy import MalformedPolicy, check, parse
from cloudlet.kit.policy.document import ACTIONS_CACHED_MAX, DOCUMENTS_CACHED_MAX

ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
QUEUE = {"Effect": "Allow", "Principal": "*", "Action": "SQS:SendMessage", "Resource": "arn:aws:sqs:r:1:q"}


def document(*statements, version="2012-10-17", **more):
    return json.dumps({"Version": version, "Statement": list(statements), **more})


def refused(text, kind="identity"):
    with pytest.raises(MalformedPolicy) as caught:
        check(text, kind)
    assert caught.value.code == "MalformedPolicyDocument" and caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize("kind", ["identity", "boundary", "session"])
def test_a_policy_of_an_identity_is_accepted(kind):
    check(document(ALLOW, {"Sid": "Two", "Effect": "Deny", "NotAction": ["iam:*", "*"], "NotResource": ["*"]}), kind)
    check(document(ALLOW).encode(), kind)
    check(json.dumps({"Version": "2012-10-17", "Statement": ALLOW}), kind)


def test_a_role_may_trust_services_accounts_users_and_providers():
    principal = {
        "AWS": [
            "111122223333",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:user/a/b",
            "AROAEXAMPLE12345678",
        ],
        "Service": ["lambda.amazonaws.com", "logs.eu-west-1.amazonaws.com"],
        "Federated": ["cognito-identity.amazonaws.com", "arn:aws:iam::111122223333:oidc-provider/x"],
    }
    check(document({**TRUST, "Principal": principal, "Action": ["sts:AssumeRole", "sts:TagSession"]}), "trust")
    check(document(TRUST, version="2008-10-17"), "trust")
    check(json.dumps({"Statement": [TRUST]}), "trust")


def test_a_queue_policy_may_leave_out_version_and_resource():
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sqs:*"}
    check(json.dumps({"Id": "any id", "Statement": [{**statement, "Sid": "with spaces"}]}), "resource")
    check(document({**QUEUE, "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:t"}}}), "resource")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "null",
        '"x"',
        b"\xff",
        "{",
        "[" * 100_000,
        '{"Version": NaN}',
        document(ALLOW, version="2012-10-18"),
        document(),
        document("x"),
        document(ALLOW, Comment="?"),
        document(ALLOW, Id=7),
        document({**ALLOW, "Efect": "Allow"}),
        document({**ALLOW, "Effect": "allow"}),
        document({"Action": "s3:*", "Resource": "*"}),
        document({**ALLOW, "NotAction": "s3:*"}),
        document({**ALLOW, "NotResource": "*"}),
        document({**ALLOW, "Action": 7}),
        document({**ALLOW, "Action": ["s3:Get*", {}]}),
        document({**ALLOW, "Resource": {"Ref": "Bucket"}}),
        document({**ALLOW, "Condition": []}),
        document({**ALLOW, "Condition": {"StringEquals": "x"}}),
        document({**ALLOW, "Condition": {"StringEquals": {"a:b": {}}}}),
        document({**ALLOW, "Condition": {"NumericEquals": {"a:b": "ten"}}}),
        document({**ALLOW, "Sid": "\ud800"}),
        '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}',
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}}',
    ],
)
def test_what_is_not_of_the_grammar_is_a_syntax_error(text):
    assert refused(text) == "Syntax errors in policy."
    with pytest.raises(MalformedPolicy):
        parse(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Principal": "*"}, "Policy document should not specify a principal."),
        ({"NotPrincipal": {"AWS": "1"}}, "Policy document should not specify a principal."),
        ({"Action": []}, "Policy statement must contain actions."),
        ({"Resource": []}, "Policy statement must contain resources."),
        ({"Action": "GetObject"}, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        ({"Action": "s3:Get:Object"}, "Actions/Condition can contain only one colon."),
        ({"Action": "s 3:GetObject"}, "Vendor s 3 is not valid"),
        ({"Resource": "photos"}, 'Resource photos must be in ARN format or "*".'),
        ({"Resource": ""}, 'Resource  must be in ARN format or "*".'),
        ({"Resource": ["*", "arn:aws:s3"]}, 'Resource arn:aws:s3 must be in ARN format or "*".'),
        ({"Resource": "arn:nowhere:s3:::b"}, 'Partition "nowhere" is not valid for resource "arn:nowhere:s3:::b".'),
        (
            {"Resource": "arn:aws:iam:eu-west-1:1:user/x"},
            "IAM resource arn:aws:iam:eu-west-1:1:user/x cannot contain region information.",
        ),
        (
            {"Sid": "two words"},
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression"
            " [0-9A-Za-z]*",
        ),
        (
            {"Condition": {"StringEquals": {"username": "x"}}},
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        ({"Condition": {"StringEqualz": {"a:b": "x"}}}, "Invalid Condition type : StringEqualz."),
    ],
)
def test_what_an_identity_policy_may_not_say(change, message):
    assert refused(document({**ALLOW, **change})) == message


def test_an_identity_policy_is_of_the_current_version():
    message = "Policy document must be version 2012-10-17 or greater."
    assert refused(document(ALLOW, version="2008-10-17")) == message
    assert refused(json.dumps({"Statement": [ALLOW]})) == message


def test_statement_ids_are_unique():
    twice = document({**ALLOW, "Sid": "A"}, {**ALLOW, "Sid": "A"})
    assert refused(twice) == "Statement IDs (SID) in a single policy must be unique."
    check(document({**ALLOW, "Sid": ""}, {**ALLOW, "Sid": ""}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Resource": "*"}, "Has prohibited field Resource"),
        ({"NotResource": "*"}, "Has prohibited field NotResource"),
        ({"Action": "s3:GetObject"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Action": "*"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Principal": {"AWS": "bob"}}, 'Invalid principal in policy: "AWS":"bob"'),
        (
            {"Principal": {"AWS": "arn:aws:iam::111122223333:user/*"}},
            'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/*"',
        ),
        ({"Principal": {"Service": "lambda"}}, 'Invalid principal in policy: "SERVICE":"lambda"'),
    ],
)
def test_what_a_trust_policy_may_not_say(change, message):
    assert refused(document({**TRUST, **change}), "trust") == message


@pytest.mark.parametrize(("kind", "statement"), [("trust", TRUST), ("resource", QUEUE)])
def test_a_resource_based_policy_names_a_principal(kind, statement):
    without = {element: value for element, value in statement.items() if element != "Principal"}
    assert refused(document(without), kind) == "Missing required field Principal"
    assert refused(document({**without, "Principal": {}}), kind) == "Missing required field Principal cannot be empty!"


def test_the_reason_is_a_word_for_services_with_texts_of_their_own():
    for text, reason in ((document(ALLOW), "principal-missing"), ("{", "json"), (document(), "syntax")):
        with pytest.raises(MalformedPolicy) as caught:
            check(text, "resource")
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("element", "actions", "covered"),
    [
        ("Action", "s3:GetObject", {"s3:GetObject"}),
        ("Action", ["S3:getobject", "sqs:*"], {"s3:GetObject", "sqs:SendMessage"}),
        ("Action", "*", {"s3:GetObject", "s3:PutObject", "sqs:SendMessage"}),
        ("Action", "s3:?etObject", {"s3:GetObject"}),
        ("Action", "*:*Object", {"s3:GetObject", "s3:PutObject"}),
        ("NotAction", "s3:*", {"sqs:SendMessage"}),
        ("NotAction", ["s3:Get*", "SQS:*"], {"s3:PutObject"}),
    ],
)
def test_which_actions_a_statement_speaks_about(element, actions, covered):
    compiled = parse(document({"Effect": "Allow", element: actions, "Resource": "*"}))
    assert {a for a in ("s3:GetObject", "s3:PutObject", "sqs:SendMessage") if compiled.about(a)} == covered


def test_one_text_is_compiled_once_and_the_cache_is_bounded():
    parse.cache_clear()
    text = document(ALLOW)
    assert parse(text) is parse("".join(list(text)))
    assert parse.cache_info().misses == 1
    assert parse.cache_info().maxsize == DOCUMENTS_CACHED_MAX
    compiled = parse(text)
    for number in range(ACTIONS_CACHED_MAX + 1):
        compiled.about(f"s3:Get{number}")
    assert len(compiled._about) <= ACTIONS_CACHED_MAX


def test_the_context_keys_a_document_reads_are_listed_once():
    compiled = parse(
        document(
            {**ALLOW, "Resource": "arn:aws:s3:::b/${aws:username}/${x:Tag, 'none'}"},
            {
                **ALLOW,
                "Condition": {
                    "StringLike": {"s3:prefix": "${AWS:UserName}/*"},
                    "Null": {"aws:TokenIssueTime": "true"},
                },
            },
        )
    )
    assert sorted(compiled.context_keys(), key=str.lower) == [
        "aws:TokenIssueTime",
        "aws:username",
        "s3:prefix",
        "x:Tag",
    ]
