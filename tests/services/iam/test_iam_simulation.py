"""The policy simulator."""

import json
from typing import Any

import pytest

from cloudlet.services.iam.statement_position import statement_positions
from tests.client import TestNode
from tests.services.iam.failures import failure


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return allow(action, resource, **more) | {"Effect": "Deny"}


def decisions(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (each["EvalActionName"], each["EvalResourceName"], each["EvalDecision"]) for each in answer["EvaluationResults"]
    ]


def test_each_action_on_each_resource_is_decided(node: TestNode) -> None:
    text = document(allow("sqs:*", "arn:aws:sqs:*:*:a"), deny("sqs:DeleteQueue"))
    answer = node.aws(
        "iam", "SimulateCustomPolicy", PolicyInputList=[text], ActionNames=["sqs:SendMessage", "sqs:DeleteQueue"],
        ResourceArns=["arn:aws:sqs:us-east-1:000000000000:a", "arn:aws:sqs:us-east-1:000000000000:b"],
    )  # fmt: skip
    assert decisions(answer) == [
        ("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:a", "allowed"),
        ("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:b", "implicitDeny"),
        ("sqs:DeleteQueue", "arn:aws:sqs:us-east-1:000000000000:a", "explicitDeny"),
        ("sqs:DeleteQueue", "arn:aws:sqs:us-east-1:000000000000:b", "explicitDeny"),
    ]
    assert answer["IsTruncated"] is False


def test_a_match_names_policy_and_place(node: TestNode) -> None:
    statement = '{"Sid": "S", "Effect": "Allow", "Action": "a:b", "Resource": "*"}'
    text = '{"Version": "2012-10-17",\n "Statement": [\n  ' + statement + "]}"
    (result,) = node.aws("iam", "SimulateCustomPolicy", PolicyInputList=[text], ActionNames=["a:b"])[
        "EvaluationResults"
    ]
    (matched,) = result["MatchedStatements"]
    assert matched == {
        "SourcePolicyId": "PolicyInputList.1",
        "SourcePolicyType": "IAM Policy",
        "StartPosition": {"Line": 3, "Column": 3},
        "EndPosition": {"Line": 3, "Column": 3 + len(statement)},
    }


def test_statements_are_found_in_any_layout() -> None:
    one = statement_positions('{"Statement":{"Effect":"Allow"}}')
    assert one == (({"Line": 1, "Column": 14}, {"Line": 1, "Column": 32}),)
    several = statement_positions('{"Statement" : [ {"a":{}}\n,\n{"b":"}"} ]}')
    assert [(start["Line"], start["Column"]) for start, _ in several] == [(1, 18), (3, 1)]


def test_a_users_own_policies_and_its_groups_decide(node: TestNode) -> None:
    node.as_user(allow("sqs:SendMessage"), name="ann")
    node.aws("iam", "CreateGroup", GroupName="g")
    node.aws("iam", "AddUserToGroup", GroupName="g", UserName="ann")
    node.aws("iam", "PutGroupPolicy", GroupName="g", PolicyName="no", PolicyDocument=document(deny("sqs:PurgeQueue")))
    node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonSNSFullAccess")
    answer = node.aws(
        "iam", "SimulatePrincipalPolicy", PolicySourceArn="arn:aws:iam::000000000000:user/ann",
        ActionNames=["sqs:SendMessage", "sqs:PurgeQueue", "sns:Publish", "s3:GetObject"],
    )  # fmt: skip
    assert [each[2] for each in decisions(answer)] == ["allowed", "explicitDeny", "allowed", "implicitDeny"]
    sources = [
        [matched["SourcePolicyId"] for matched in each["MatchedStatements"]] for each in answer["EvaluationResults"]
    ]
    assert sources == [["user_ann_p0"], ["group_g_no"], ["AmazonSNSFullAccess"], []]


def test_the_simulator_decides_as_requests_are_decided(node: TestNode) -> None:
    ann = node.as_user(allow("sqs:*", "arn:aws:sqs:*:*:${aws:username}-*"), name="ann")
    for queue, expected in (("ann-1", "allowed"), ("bob-1", "implicitDeny")):
        (result,) = node.aws(
            "iam", "SimulatePrincipalPolicy", PolicySourceArn="arn:aws:iam::000000000000:user/ann",
            ActionNames=["sqs:CreateQueue"], ResourceArns=[f"arn:aws:sqs:us-east-1:000000000000:{queue}"],
        )["EvaluationResults"]  # fmt: skip
        assert result["EvalDecision"] == expected
        if expected == "allowed":
            ann.aws("sqs", "CreateQueue", QueueName=queue)
        else:
            assert failure(ann.aws, "sqs", "CreateQueue", QueueName=queue)[0] == "AccessDenied"


def test_context_is_given_or_reported_missing(node: TestNode) -> None:
    text = document(allow("s3:GetObject", Condition={"Bool": {"aws:SecureTransport": "true"}}))
    parameters: dict[str, Any] = {"PolicyInputList": [text], "ActionNames": ["s3:GetObject"]}
    (result,) = node.aws("iam", "SimulateCustomPolicy", **parameters)["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:SecureTransport"])
    entry = {"ContextKeyName": "aws:securetransport", "ContextKeyValues": ["true"], "ContextKeyType": "boolean"}
    (result,) = node.aws("iam", "SimulateCustomPolicy", **parameters, ContextEntries=[entry])["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])


def test_boundaries_take_part(node: TestNode) -> None:
    parameters: dict[str, Any] = {"PolicyInputList": [document(allow("*"))], "ActionNames": ["sqs:A", "sns:A"]}
    boundary = [document(allow("sqs:*"))]
    answer = node.aws("iam", "SimulateCustomPolicy", **parameters, PermissionsBoundaryPolicyInputList=boundary)
    assert [each[2] for each in decisions(answer)] == ["allowed", "implicitDeny"]
    details = [each["PermissionsBoundaryDecisionDetail"] for each in answer["EvaluationResults"]]
    assert details == [{"AllowedByPermissionsBoundary": True}, {"AllowedByPermissionsBoundary": False}]


def test_resource_policies_and_callers_take_part(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann")
    ann = "arn:aws:iam::000000000000:user/ann"
    statement = {"Effect": "Allow", "Principal": {"AWS": ann}, "Action": "sqs:SendMessage", "Resource": "*"}
    parameters: dict[str, Any] = {
        "PolicySourceArn": ann, "ActionNames": ["sqs:SendMessage"], "ResourcePolicy": document(statement),
        "ResourceArns": ["arn:aws:sqs:us-east-1:000000000000:q"],
    }  # fmt: skip
    assert decisions(node.aws("iam", "SimulatePrincipalPolicy", **parameters))[0][2] == "allowed"
    foreign = parameters | {"ResourceOwner": "arn:aws:iam::111111111111:root"}
    assert decisions(node.aws("iam", "SimulatePrincipalPolicy", **foreign))[0][2] == "implicitDeny"
    both = foreign | {"PolicyInputList": [document(allow("sqs:*"))]}
    assert decisions(node.aws("iam", "SimulatePrincipalPolicy", **both))[0][2] == "allowed"


def test_results_come_in_pages(node: TestNode) -> None:
    parameters: dict[str, Any] = {
        "PolicyInputList": [document(allow("*"))], "ActionNames": ["a:A", "b:B"], "ResourceArns": ["arn:1", "arn:2"],
        "MaxItems": 3,
    }  # fmt: skip
    first = node.aws("iam", "SimulateCustomPolicy", **parameters)
    assert first["IsTruncated"] is True and len(first["EvaluationResults"]) == 3
    rest = node.aws("iam", "SimulateCustomPolicy", **parameters, Marker=first["Marker"])
    assert decisions(rest) == [("b:B", "arn:2", "allowed")] and rest["IsTruncated"] is False


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"ActionNames": ["noColon"]}, "InvalidInput"),
        ({"PolicyInputList": ["{}"]}, "InvalidInput"),
        ({"CallerArn": "arn:aws:iam::000000000000:group/g"}, "InvalidInput"),
        ({"ResourceHandlingOption": "EC2-VPC-InstanceStore"}, "NotImplemented"),
    ],
)
def test_what_cannot_be_simulated_is_refused(node: TestNode, more: dict[str, Any], code: str) -> None:
    parameters: dict[str, Any] = {"PolicyInputList": [document(allow("*"))], "ActionNames": ["a:A"]}
    assert failure(node.aws, "iam", "SimulateCustomPolicy", **(parameters | more))[0] == code


def test_a_source_must_be_there(node: TestNode) -> None:
    for arn, code in (
        ("arn:aws:iam::000000000000:user/x", "NoSuchEntity"),
        ("arn:aws:s3:::bucket-name", "InvalidInput"),
    ):
        parameters = {"PolicySourceArn": arn, "ActionNames": ["a:A"]}
        assert failure(node.aws, "iam", "SimulatePrincipalPolicy", **parameters)[0] == code


def test_context_keys_of_policies_are_told(node: TestNode) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "x"}}
    text = document(allow("s3:*", "arn:aws:s3:::${aws:username}/*", Condition=condition))
    names = node.aws("iam", "GetContextKeysForCustomPolicy", PolicyInputList=[text])["ContextKeyNames"]
    assert names == ["aws:PrincipalTag/team", "aws:username"]
    node.as_user(json.loads(text), name="ann")
    source = "arn:aws:iam::000000000000:user/ann"
    more = [document(allow("s3:*", Condition={"Bool": {"aws:SecureTransport": "true"}}))]
    answer = node.aws("iam", "GetContextKeysForPrincipalPolicy", PolicySourceArn=source, PolicyInputList=more)
    assert answer["ContextKeyNames"] == ["aws:PrincipalTag/team", "aws:SecureTransport", "aws:username"]
