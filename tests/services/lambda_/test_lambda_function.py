"""Functions: what Create, Get, Update, List and Delete answer, and what they refuse, in AWS's words."""

import base64
import hashlib
from typing import Any

import pytest
from lambda_functions import ARN, ECHO, ROLE, Lambda, zipped

from cloudlet.base.errors import AwsError
from cloudlet.wire.message import HttpRequest
from tests.client import read_slice


def refusal(fn: Any, operation: str, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        fn(operation, **parameters)
    return refused.value.code, refused.value.message


def test_a_new_function_is_answered_with_the_members_aws_gives(fn: Lambda) -> None:
    answer = fn.create(Description="says it again")
    package = zipped()
    assert len(answer.pop("RevisionId")) == 36
    assert answer.pop("RuntimeVersionConfig")["RuntimeVersionArn"].startswith("arn:aws:lambda:us-east-1::runtime:")
    assert answer == {
        "FunctionName": "echo",
        "FunctionArn": f"{ARN}:echo",
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "app.handler",
        "CodeSize": len(package),
        "CodeSha256": base64.b64encode(hashlib.sha256(package).digest()).decode(),
        "Description": "says it again",
        "Timeout": 3,
        "MemorySize": 128,
        "LastModified": "2026-01-01T00:00:00.000+0000",
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/echo"},
    }


def test_a_function_becomes_active_with_another_revision(fn: Lambda) -> None:
    revision = fn.create(Tags={"team": "a"})["RevisionId"]
    fn.node.settle()
    answer = fn("GetFunction", FunctionName="echo")
    assert answer["Configuration"]["State"] == "Active"
    assert answer["Configuration"]["LastUpdateStatus"] == "Successful"
    assert answer["Configuration"]["RevisionId"] != revision
    assert answer["Tags"] == {"team": "a"}
    assert answer["Code"]["RepositoryType"] == "S3"


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("echo", f"{ARN}:echo"),
        ("function:echo", f"{ARN}:echo"),
        ("000000000000:function:echo", f"{ARN}:echo"),
        (f"{ARN}:echo", f"{ARN}:echo"),
        ("echo:$LATEST", f"{ARN}:echo:$LATEST"),
        (f"{ARN}:echo:$LATEST", f"{ARN}:echo:$LATEST"),
    ],
)
def test_a_function_is_found_by_each_form_of_its_name(fn: Lambda, name: str, arn: str) -> None:
    fn.create()
    assert fn("GetFunctionConfiguration", FunctionName=name)["FunctionArn"] == arn


def test_what_is_not_there_is_named(fn: Lambda) -> None:
    fn.create()
    gone = ("ResourceNotFoundException", f"Function not found: {ARN}:nothing")
    for operation in ("GetFunction", "GetFunctionConfiguration", "DeleteFunction", "GetFunctionConcurrency"):
        assert refusal(fn, operation, FunctionName="nothing") == gone
    assert refusal(fn, "GetFunction", FunctionName="echo", Qualifier="7")[1] == f"Function not found: {ARN}:echo:7"
    assert refusal(fn, "GetFunction", FunctionName="echo", Qualifier="x")[1] == f"Function not found: {ARN}:echo:x"
    elsewhere = "arn:aws:lambda:eu-west-1:000000000000:function:echo"
    assert refusal(fn, "GetFunction", FunctionName=elsewhere) == (
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    )
    assert refusal(fn, "GetFunction", FunctionName="echo:1", Qualifier="2")[1] == (
        "The derived qualifier from the function name does not match the specified qualifier."
    )


def create_refusal(fn: Lambda, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        fn.create(**parameters)
    return refused.value.code, refused.value.message


def test_a_name_can_be_had_once(fn: Lambda) -> None:
    fn.create()
    assert create_refusal(fn) == ("ResourceConflictException", "Function already exist: echo")


def test_the_role_must_let_lambda_assume_it(fn: Lambda) -> None:
    said = ("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
    assert create_refusal(fn, Role="arn:aws:iam::000000000000:role/nobody") == said
    trust = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},\
"Action":"sts:AssumeRole"}}'
    fn.node.aws("iam", "CreateRole", RoleName="other", AssumeRolePolicyDocument=trust)
    assert create_refusal(fn, Role="arn:aws:iam::000000000000:role/other") == said
    assert create_refusal(fn, Role="arn:aws:iam::111111111111:role/runner")[0].startswith("AccessDenied")


def test_what_a_package_must_have(fn: Lambda) -> None:
    assert create_refusal(fn, Code={"ZipFile": b"no zip"}) == (
        "InvalidParameterValueException",
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    )
    assert create_refusal(fn, Code={"ZipFile": zipped({})})[1] == "Uploaded file must be a non-empty zip"
    assert create_refusal(fn, Code={})[1] == "Please provide a source for function code."
    bare = {"FunctionName": "echo", "Role": ROLE, "Code": {"ZipFile": zipped()}}
    assert refusal(fn, "CreateFunction", **bare)[1] == (
        "Runtime and Handler are mandatory parameters for functions created with deployment packages."
    )
    assert create_refusal(fn, name="a" * 65)[1].endswith("Member must have length less than or equal to 64")
    fn.check_packages(0)


def test_runtimes_that_are_gone_or_do_not_run_here(fn: Lambda) -> None:
    assert create_refusal(fn, Runtime="python3.7") == (
        "InvalidParameterValueException",
        "The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda functions. We"
        " recommend you use a supported runtime while creating or updating functions.",
    )
    code, message = create_refusal(fn, Runtime="java21")
    assert code == "NotImplemented" and "java21" in message
    assert create_refusal(fn, Runtime="cobol")[0] == "ValidationException"


@pytest.mark.parametrize(
    "more",
    [
        {"PackageType": "Image"},
        {"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"},
        {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}},
        {"FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-"
                                + "0" * 17, "LocalMountPath": "/mnt/a"}]},
        {"LoggingConfig": {"LogFormat": "JSON"}},
        {"CodeSigningConfigArn": "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-" + "0" * 17},
    ],
    ids=lambda more: next(iter(more)),
)  # fmt: skip
def test_what_would_change_behaviour_and_is_not_here_is_501(fn: Lambda, more: dict[str, Any]) -> None:
    code, message = create_refusal(fn, **more)
    assert code == "NotImplemented" and next(iter(more)) in message


def test_environment_variables_are_checked_and_stored_sealed(fn: Lambda) -> None:
    assert "AWS_REGION" in create_refusal(fn, Environment={"Variables": {"AWS_REGION": "x"}})[1]
    long = create_refusal(fn, Environment={"Variables": {"LONG": "x" * 4090}})[1]
    assert "exceeded the 4KB limit. String measured: {" in long
    fn.create(Environment={"Variables": {"PASSWORD": "tell-nobody"}})
    shown = fn("GetFunctionConfiguration", FunctionName="echo")
    assert shown["Environment"] == {"Variables": {"PASSWORD": "tell-nobody"}}
    rows, _ = fn.node.node.database.transact(lambda tx: tx.scan(b"\x01", b"\xff", limit=1000).rows)
    assert rows and not any(b"tell-nobody" in value for _, value in rows)


def test_sizes_have_the_limits_of_aws(fn: Lambda) -> None:
    for more in ({"Timeout": 901}, {"MemorySize": 10_241}, {"EphemeralStorage": {"Size": 10_241}}):
        assert create_refusal(fn, **more)[0] == "InvalidParameterValueException"
    assert create_refusal(fn, MemorySize=127)[0] == "ValidationException"


def test_an_update_of_the_configuration_changes_what_it_says_only(fn: Lambda) -> None:
    fn.create(Environment={"Variables": {"AB": "1"}}, Description="one")
    fn.node.settle()
    answer = fn("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    assert (answer["Timeout"], answer["Description"], answer["Environment"]) == (9, "one", {"Variables": {"AB": "1"}})
    assert answer["LastUpdateStatus"] == "InProgress" and answer["State"] == "Active"
    fn.node.settle()
    assert fn("GetFunctionConfiguration", FunctionName="echo")["LastUpdateStatus"] == "Successful"


def test_an_update_of_another_revision_is_refused(fn: Lambda) -> None:
    first = fn.create()["RevisionId"]
    fn.node.settle()
    for operation, more in (
        ("UpdateFunctionConfiguration", {"Timeout": 9}),
        ("UpdateFunctionCode", {"ZipFile": zipped("x = 1")}),
        ("PublishVersion", {}),
    ):
        code, message = refusal(fn, operation, FunctionName="echo", RevisionId=first, **more)
        assert code == "PreconditionFailedException"
        assert message == (
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to"
            " retrieve the latest Revision Id"
        )
    current = fn("GetFunctionConfiguration", FunctionName="echo")["RevisionId"]
    fn("UpdateFunctionConfiguration", FunctionName="echo", RevisionId=current, Timeout=9)


def test_new_code_replaces_the_old_and_its_package_goes(fn: Lambda) -> None:
    fn.create()
    old = fn("GetFunctionConfiguration", FunctionName="echo")
    answer = fn("UpdateFunctionCode", FunctionName="echo", ZipFile=zipped("other = 1"))
    assert answer["CodeSha256"] != old["CodeSha256"]
    fn.check_packages(1)
    same = fn("UpdateFunctionCode", FunctionName="echo", ZipFile=zipped("other = 1"))
    assert same["CodeSha256"] == answer["CodeSha256"]
    fn.check_packages(1)  # the same bytes again are not kept twice
    tried = fn("UpdateFunctionCode", FunctionName="echo", ZipFile=zipped("third = 1"), DryRun=True)
    assert tried["CodeSha256"] != same["CodeSha256"]
    assert fn("GetFunctionConfiguration", FunctionName="echo")["CodeSha256"] == same["CodeSha256"]


def test_code_comes_from_s3_too_read_as_the_caller(fn: Lambda) -> None:
    fn.node.aws("s3", "CreateBucket", Bucket="packages")
    fn.node.aws("s3", "PutObject", Bucket="packages", Key="echo.zip", Body=zipped())
    answer = fn.create(Code={"S3Bucket": "packages", "S3Key": "echo.zip"})
    assert answer["CodeSha256"] == base64.b64encode(hashlib.sha256(zipped()).digest()).decode()
    code, message = create_refusal(fn, name="b", Code={"S3Bucket": "packages", "S3Key": "nothing"})
    assert code == "InvalidParameterValueException"
    assert message.startswith("Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: ")
    user = fn.as_user({"Effect": "Allow", "Action": ["lambda:*", "iam:PassRole"], "Resource": "*"})
    with pytest.raises(AwsError) as refused:
        user.aws("lambda", "UpdateFunctionCode", FunctionName="echo", S3Bucket="packages", S3Key="echo.zip")
    assert refused.value.code == "AccessDeniedException" and "denied by S3" in refused.value.message


def test_lists_go_page_by_page_and_show_no_state(fn: Lambda) -> None:
    for number in range(3):
        fn.create(f"f{number}")
    first = fn("ListFunctions", MaxItems=2)
    assert [function["FunctionName"] for function in first["Functions"]] == ["f0", "f1"]
    assert "State" not in first["Functions"][0] and "LastUpdateStatus" not in first["Functions"][0]
    rest = fn("ListFunctions", Marker=first["NextMarker"])
    assert [function["FunctionName"] for function in rest["Functions"]] == ["f2"] and "NextMarker" not in rest
    assert refusal(fn, "ListFunctions", Marker="nonsense")[0] == "InvalidParameterValueException"
    fn("PublishVersion", FunctionName="f0")
    everything = fn("ListFunctions", FunctionVersion="ALL")["Functions"]
    assert [function["FunctionArn"].removeprefix(f"{ARN}:") for function in everything] == [
        "f0:$LATEST", "f0:1", "f1:$LATEST", "f2:$LATEST",
    ]  # fmt: skip


def test_a_deleted_function_leaves_nothing_and_its_name_is_free(fn: Lambda) -> None:
    before = fn("GetAccountSettings")["AccountUsage"]
    fn.create()
    fn("PublishVersion", FunctionName="echo")
    fn("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    fn("PutFunctionConcurrency", FunctionName="echo", ReservedConcurrentExecutions=5)
    assert fn("DeleteFunction", FunctionName="echo")["StatusCode"] == 204
    assert refusal(fn, "GetFunction", FunctionName="echo")[0] == "ResourceNotFoundException"
    fn.create()
    assert "NextMarker" not in fn("ListVersionsByFunction", FunctionName="echo")
    assert fn("ListAliases", FunctionName="echo")["Aliases"] == []
    fn("DeleteFunction", FunctionName="echo")
    fn.node.settle()
    settings = fn("GetAccountSettings")
    assert settings["AccountUsage"] == before == {"FunctionCount": 0, "TotalCodeSize": 0}
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000
    fn.check_packages(0)


def test_the_link_to_the_code_gives_the_package_for_ten_minutes(fn: Lambda) -> None:
    fn.create(code=ECHO)
    url = fn("GetFunction", FunctionName="echo")["Code"]["Location"]
    assert get(fn, url) == (200, zipped(ECHO))
    assert get(fn, url[:-4] + "AAAA")[0] == 403
    assert get(fn, url.partition("?")[0])[0] == 403
    fn.node.advance(minutes=10)
    assert get(fn, url)[0] == 403


def get(fn: Lambda, url: str) -> tuple[int, bytes]:
    path, _, query = url.removeprefix("http://127.0.0.1:4566").partition("?")
    request = HttpRequest("GET", path, query, [("host", "127.0.0.1:4566")])
    response = fn.node.send(request)
    body = response.body
    return response.status, body if isinstance(body, bytes) else b"".join(read_slice(part) for part in body)
