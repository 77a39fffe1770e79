"""From text to a plan; transforms; and the worker process that does it."""

import json
import os
import resource
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.cloudformation import template_worker
from cloudlet.services.cloudformation.template.errors import TemplateError
from cloudlet.services.cloudformation.template.parameters import Given
from cloudlet.services.cloudformation.template.prepare import Plan, Pseudo, prepare, validate
from cloudlet.services.cloudformation.template_worker import TemplateWorkers

PSEUDO = Pseudo("111111111111", "eu-west-1", "stack", "arn:aws:cloudformation:eu-west-1:111111111111:stack/stack/id")
SAM = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Timeout: 30}}
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      InlineCode: "x = 1"
      Policies:
        - AmazonS3ReadOnlyAccess
        - DynamoDBReadPolicy: {TableName: !Ref Table}
      Events:
        Upload: {Type: S3, Properties: {Bucket: !Ref Drop, Events: "s3:ObjectCreated:*"}}
  Drop: {Type: AWS::S3::Bucket}
  Table: {Type: AWS::Serverless::SimpleTable}
"""


@pytest.fixture(scope="module")
def worker() -> Iterator[TemplateWorkers]:
    worker = TemplateWorkers(1)
    yield worker
    worker.close()


def plan(text: str, *given: Given) -> Plan:
    return prepare(text, list(given), None, PSEUDO)


def test_a_plan_holds_what_will_be_there_in_the_order_of_making() -> None:
    made = plan(
        """
        Parameters: {Env: {Type: String, Default: dev}, Secret: {Type: String, NoEcho: true, Default: s}}
        Conditions: {Prod: !Equals [!Ref Env, prod]}
        Resources:
          Second:
            Type: AWS::SQS::Queue
            Properties: {QueueName: !GetAtt First.QueueName, DelaySeconds: !If [Prod, 1, 2]}
          First: {Type: AWS::SQS::Queue, DeletionPolicy: Retain}
          Third: {Type: AWS::SQS::Queue, Condition: Prod}
        Outputs:
          Url: {Value: !Ref First, Export: {Name: !Sub "${AWS::StackName}-url"}}
          Only: {Value: !Ref Third, Condition: Prod}
        """
    )
    assert [(r.logical_id, r.needs, r.deletion_policy) for r in made.resources] == [
        ("First", [], "Retain"),
        ("Second", ["First"], "Delete"),
    ]
    assert made.resources[1].properties["DelaySeconds"] == 2
    assert [output["name"] for output in made.outputs] == ["Url"]
    assert (made.values, made.hidden, made.conditions) == ({"Env": "dev", "Secret": "s"}, ["Secret"], {"Prod": False})


def test_for_each_makes_a_resource_per_member() -> None:
    made = plan(
        """
        Transform: AWS::LanguageExtensions
        Parameters: {Names: {Type: CommaDelimitedList, Default: "a-1,b"}}
        Resources:
          Fn::ForEach::Queues:
            - Name
            - !Ref Names
            - Queue&{Name}:
                Type: AWS::SQS::Queue
                DeletionPolicy: !Join ["", [Re, tain]]
                Properties: {QueueName: !Sub "q-${Name}", DelaySeconds: !Length [!Ref Name, x]}
        """
    )
    assert [(r.logical_id, r.properties["QueueName"], r.deletion_policy) for r in made.resources] == [
        ("Queuea1", {"Fn::Sub": "q-a-1"}, "Retain"),
        ("Queueb", {"Fn::Sub": "q-b"}, "Retain"),
    ]
    assert made.capabilities == ["CAPABILITY_AUTO_EXPAND"]


def test_nested_loops_that_would_explode_are_refused() -> None:
    body: Any = {"R${A}": {"Type": "AWS::SQS::Queue"}}
    for level in "EDCBA":
        body = {f"Fn::ForEach::L{level}": [level, [str(number) for number in range(30)], body]}
    with pytest.raises(TemplateError, match="Transform AWS::LanguageExtensions failed with: "):
        plan(json.dumps({"Transform": "AWS::LanguageExtensions", "Resources": body}))


def test_a_transform_that_is_not_here_answers_501() -> None:
    with pytest.raises(AwsError) as caught:
        plan(json.dumps({"Transform": "MyMacro", "Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}))
    assert (caught.value.status, "MyMacro" in caught.value.message) == (501, True)


@pytest.mark.parametrize(
    ("properties", "capability"),
    [({}, "CAPABILITY_IAM"), ({"RoleName": "x"}, "CAPABILITY_NAMED_IAM")],
)
def test_the_summary_names_the_capability_that_roles_need(properties: dict[str, str], capability: str) -> None:
    resources = {"R": {"Type": "AWS::IAM::Role", "Properties": properties}, "Q": {"Type": "AWS::SQS::Queue"}}
    parameters = {"P": {"Type": "String", "NoEcho": "true", "Default": "s", "AllowedValues": ["s", "t"]}}
    assert validate(json.dumps({"Description": "d", "Parameters": parameters, "Resources": resources})) == {
        "Description": "d",
        "Parameters": [
            {
                "ParameterKey": "P",
                "ParameterType": "String",
                "NoEcho": True,
                "DefaultValue": "****",
                "ParameterConstraints": {"AllowedValues": ["s", "t"]},
            }
        ],
        "Capabilities": [capability],
        "CapabilitiesReason": "The following resource(s) require capabilities: [AWS::IAM::Role]",
        "ResourceTypes": ["AWS::IAM::Role", "AWS::SQS::Queue"],
        "ResourceIdentifierSummaries": [
            {"ResourceType": "AWS::IAM::Role", "LogicalResourceIds": ["R"], "ResourceIdentifiers": ["RoleName"]},
            {"ResourceType": "AWS::SQS::Queue", "LogicalResourceIds": ["Q"], "ResourceIdentifiers": ["QueueUrl"]},
        ],
    }


def test_a_serverless_template_is_translated_in_the_worker(worker: TemplateWorkers) -> None:
    made = worker.prepare(SAM, [], None, PSEUDO)
    resources = made.decoded_resources()
    by_name = {resource.logical_id: resource for resource in resources}
    assert [resource.type for resource in resources] == [
        "AWS::DynamoDB::Table",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::S3::Bucket",
    ]
    assert by_name["Function"].properties["Timeout"] == 30
    assert "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess" in by_name["FunctionRole"].properties["ManagedPolicyArns"]
    assert made.decoded_head().capabilities == ["CAPABILITY_IAM"]
    assert json.loads(made.processed or "")["Resources"].keys() == by_name.keys()


def test_the_summary_of_a_serverless_template_shows_it_as_written(worker: TemplateWorkers) -> None:
    facts = worker.validate(SAM)
    assert facts["ResourceTypes"][0] == "AWS::Serverless::Function"
    assert (facts["DeclaredTransforms"], facts["Capabilities"]) == (["AWS::Serverless-2016-10-31"], ["CAPABILITY_IAM"])


def test_what_sam_refuses_is_told_as_aws_tells_it(worker: TemplateWorkers) -> None:
    with pytest.raises(AwsError) as caught:
        worker.prepare(SAM.replace('InlineCode: "x = 1"', ""), [], None, PSEUDO)
    assert caught.value.code == "ValidationError"
    assert caught.value.message == (
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. "
        "Number of errors found: 1. Resource with id [Function] is invalid. "
        "Only one of 'InlineCode' or 'CodeUri' can be set."
    )


def test_a_region_seen_before_does_not_stick(worker: TemplateWorkers) -> None:
    text = SAM.replace("AmazonS3ReadOnlyAccess", "AWSLambdaVPCAccessExecutionRole")
    for region, partition in (("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-east-1", "aws")):
        made = worker.prepare(text, [], None, Pseudo("1" * 12, region, "s", "id", partition=partition))
        role = next(r for r in made.decoded_resources() if r.type == "AWS::IAM::Role")
        assert role.properties["ManagedPolicyArns"][0].startswith(f"arn:{partition}:iam::aws:policy/")


def test_a_worker_that_was_killed_is_replaced_and_one_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = TemplateWorkers(1)
    text = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    try:
        worker.validate(text)
        first = worker.workers[0].process
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        assert worker.validate(text)["ResourceTypes"] == ["AWS::SQS::Queue"]
        second = worker.workers[0].process
        assert second is not None and second.pid != first.pid
        os.kill(second.pid, signal.SIGSTOP)
        monkeypatch.setattr(template_worker, "JOB_SECONDS_MAX", 0.1)
        with pytest.raises(AwsError, match="could not be read within"):
            worker.validate(text)
        assert second.poll() is not None
    finally:
        worker.close()


def test_a_node_with_many_descriptors_open_has_a_worker_too() -> None:
    worker = TemplateWorkers(1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
    try:
        text = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
        assert worker.validate(text)["ResourceTypes"] == ["AWS::SQS::Queue"]
    finally:
        worker.close()
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_worker_knows_none_of_the_nodes_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDLET_ROOT_KEY", "secret")
    worker = TemplateWorkers(1)
    try:
        worker.validate(json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}))
        assert worker.workers[0].process is not None
        with open(f"/proc/{worker.workers[0].process.pid}/environ", "rb") as environment:
            assert b"secret" not in environment.read()
    finally:
        worker.close()
