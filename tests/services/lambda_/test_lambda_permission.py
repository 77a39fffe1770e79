"""Who may do what: function policies, IAM policies of callers, roles that are passed, services that invoke."""

import json
from typing import Any

import pytest
from lambda_functions import ARN, ROLE, Lambda, zipped

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call, Source, service_principal


def refusal(fn: Any, operation: str, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        fn(operation, **parameters)
    return refused.value.code, refused.value.message


def allow(fn: Lambda, **more: Any) -> dict[str, Any]:
    given = {
        "FunctionName": "echo",
        "StatementId": "s3",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    }
    return json.loads(fn("AddPermission", **given | more)["Statement"])


def test_statements_are_written_as_aws_writes_them(fn: Lambda) -> None:
    fn.create()
    assert allow(fn, SourceArn="arn:aws:s3:::bucket", SourceAccount="000000000000") == {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"{ARN}:echo",
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "000000000000"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
        },
    }
    account = allow(fn, StatementId="a", Principal="111111111111")
    assert account["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"} and "Condition" not in account
    assert allow(fn, StatementId="b", Principal="*")["Principal"] == "*"
    policy = fn("GetPolicy", FunctionName="echo")
    document = json.loads(policy["Policy"])
    assert (document["Version"], document["Id"]) == ("2012-10-17", "default")
    assert [statement["Sid"] for statement in document["Statement"]] == ["s3", "a", "b"]
    assert len(policy["RevisionId"]) == 36


def test_what_permissions_are_refused_for(fn: Lambda) -> None:
    fn.create()
    allow(fn)
    base = {
        "FunctionName": "echo",
        "StatementId": "x",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    }
    for more, code, said in (
        ({"StatementId": "s3"}, "ResourceConflictException", "The statement id (s3) provided already exists."),
        ({"Principal": "nonsense"}, "InvalidParameterValueException", "The provided principal was invalid."),
        ({"FunctionName": "none"}, "ResourceNotFoundException", f"Function not found: {ARN}:none"),
        ({"Qualifier": "42"}, "ResourceNotFoundException", f"Function not found: {ARN}:echo:42"),
        ({"Qualifier": "alias"}, "ResourceNotFoundException", f"Cannot find alias arn: {ARN}:echo:alias"),
        ({"Qualifier": "$LATEST"}, "InvalidParameterValueException", "We currently do not support adding policies for"),
        ({"StatementId": "example.com"}, "ValidationException", "'statementId' failed to satisfy constraint"),
        ({"RevisionId": "old"}, "PreconditionFailedException", "Call the GetPolicy API to retrieve the latest"),
    ):
        refused = refusal(fn, "AddPermission", **base | more)
        assert refused[0] == code and said in refused[1], more
    for name, said in (
        ("none", f"No policy found for: {ARN}:none"),
        ("echo", "Statement x is not found in resource policy."),
    ):
        assert refusal(fn, "RemovePermission", FunctionName=name, StatementId="x")[1] == said
    fn("RemovePermission", FunctionName="echo", StatementId="s3")
    assert refusal(fn, "RemovePermission", FunctionName="echo", StatementId="s3")[1] == (
        "No policy is associated with the given resource."
    )
    assert refusal(fn, "GetPolicy", FunctionName="echo")[1] == "The resource you requested does not exist."


def test_a_version_and_an_alias_have_policies_of_their_own(fn: Lambda) -> None:
    fn.create(Publish=True)
    fn("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    assert allow(fn, Qualifier="1")["Resource"] == f"{ARN}:echo:1"
    assert allow(fn, FunctionName="echo:live")["Resource"] == f"{ARN}:echo:live"
    assert refusal(fn, "GetPolicy", FunctionName="echo")[0] == "ResourceNotFoundException"
    assert json.loads(fn("GetPolicy", FunctionName="echo", Qualifier="live")["Policy"])["Statement"][0]["Sid"] == "s3"


def as_service(fn: Lambda, source_arn: str, function: str = f"{ARN}:echo") -> dict[str, Any]:
    """An event from S3, in a transaction of its own, as S3's notifications make it."""
    node = fn.node.node
    call = Call(
        node,
        node.services["sqs"],
        "SendMessage",
        account="000000000000",
        region="us-east-1",
        principal=service_principal("x"),
        source=Source(),
    )
    request = {"FunctionName": function, "InvocationType": "Event", "Payload": b"{}"}
    return call.transact(
        lambda tx: call.aws("lambda", "Invoke", request, as_service="s3.amazonaws.com", source_arn=source_arn)
    )


def test_a_service_invokes_within_its_transaction_where_the_policy_lets_it(fn: Lambda) -> None:
    fn.create()
    bucket = "arn:aws:s3:::bucket"
    with pytest.raises(AwsError) as refused:
        as_service(fn, bucket)
    assert refused.value.status == 403
    allow(fn, SourceArn=bucket)
    assert as_service(fn, bucket) == {"StatusCode": 202}
    with pytest.raises(AwsError):
        as_service(fn, "arn:aws:s3:::other")
    with pytest.raises(AwsError):
        as_service(fn, bucket, f"{ARN}:echo:$LATEST")
    fn.node.settle()


def test_a_user_needs_the_action_on_what_is_named(fn: Lambda) -> None:
    fn.create(Publish=True)
    fn("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    user = fn.as_user({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"{ARN}:echo:live"})

    def dry(**more: Any) -> int:
        return user.aws("lambda", "Invoke", FunctionName="echo", InvocationType="DryRun", **more)["StatusCode"]

    assert dry(Qualifier="live") == 204
    for more in ({}, {"Qualifier": "1"}):
        with pytest.raises(AwsError) as refused:
            dry(**more)
        assert refused.value.code == "AccessDeniedException"
        assert "is not authorized to perform: lambda:InvokeFunction on resource: " in refused.value.message


def test_a_role_can_only_be_passed_by_whoever_may_pass_it(fn: Lambda) -> None:
    statement = {"Effect": "Allow", "Action": "lambda:CreateFunction", "Resource": "*"}
    given = {
        "FunctionName": "new", "Runtime": "python3.11", "Role": ROLE, "Handler": "app.handler",
        "Code": {"ZipFile": zipped()},
    }  # fmt: skip
    with pytest.raises(AwsError) as refused:
        fn.as_user(statement).aws("lambda", "CreateFunction", **given)
    assert f"not authorized to perform: iam:PassRole on resource: {ROLE}" in refused.value.message
    passing = {
        "Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE,
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    }  # fmt: skip
    user = fn.as_user(statement, passing)
    user.aws("lambda", "CreateFunction", **given)
    with pytest.raises(AwsError, match="lambda:TagResource"):
        user.aws("lambda", "CreateFunction", **given | {"FunctionName": "tagged", "Tags": {"a": "b"}})


def test_another_account_invokes_by_both_sides_leave_only(fn: Lambda) -> None:
    fn.create()
    other = fn.node.caller("111111111111", "test")

    def dry() -> int:
        return other.aws("lambda", "Invoke", FunctionName=f"{ARN}:echo", InvocationType="DryRun")["StatusCode"]

    with pytest.raises(AwsError) as refused:
        dry()
    assert refused.value.status == 403
    allow(fn, Principal="111111111111")
    assert dry() == 204


def test_tags_are_of_functions_only_and_open_them_to_policies(fn: Lambda) -> None:
    fn.create(Publish=True, Tags={"team": "a"})
    fn("TagResource", Resource=f"{ARN}:echo", Tags={"stage": "test"})
    assert fn("ListTags", Resource=f"{ARN}:echo")["Tags"] == {"team": "a", "stage": "test"}
    fn("UntagResource", Resource=f"{ARN}:echo", TagKeys=["stage", "none"])
    assert fn("ListTags", Resource=f"{ARN}:echo")["Tags"] == {"team": "a"}
    assert refusal(fn, "TagResource", Resource=f"{ARN}:echo:1", Tags={"a": "b"})[1] == (
        "Tags on function aliases and versions are not supported. Please specify a function ARN."
    )
    many = {f"k{number}": "v" for number in range(51)}
    assert (
        refusal(fn, "TagResource", Resource=f"{ARN}:echo", Tags=many)[1] == "Number of tags exceeds resource tag limit."
    )
    assert refusal(fn, "TagResource", Resource=f"{ARN}:none", Tags={"a": "b"})[0] == "ResourceNotFoundException"
    by_tag = {
        "Effect": "Allow", "Action": "lambda:GetFunction", "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}},
    }  # fmt: skip
    user = fn.as_user(by_tag)
    assert user.aws("lambda", "GetFunction", FunctionName="echo")["Tags"] == {"team": "a"}
    fn("UntagResource", Resource=f"{ARN}:echo", TagKeys=["team"])
    with pytest.raises(AwsError):
        user.aws("lambda", "GetFunction", FunctionName="echo")


def test_operations_that_nobody_wrote_say_so(fn: Lambda) -> None:
    fn.create()
    for operation, parameters in (
        ("CreateFunctionUrlConfig", {"FunctionName": "echo", "AuthType": "NONE"}),
        ("ListProvisionedConcurrencyConfigs", {"FunctionName": "echo"}),
        ("CreateCodeSigningConfig", {"AllowedPublishers": {"SigningProfileVersionArns": []}}),
    ):
        code, message = refusal(fn, operation, **parameters)
        assert code == "NotImplemented" and f"lambda.{operation}" in message
    assert fn("GetFunctionCodeSigningConfig", FunctionName="echo") == {"FunctionName": "echo"}
