"""boto3 against a node on a socket: a user, a role, a session, and what they may."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudlet.base.config import Settings
from tests.sdk.serving import ServingNode

ACCOUNT = "000000000000"

Client = Callable[..., Any]


@pytest.fixture
def client() -> Iterator[Client]:
    """Makes boto3 clients: client("iam"), client("sqs", keys)."""
    with ServingNode(Settings()) as node:
        yield lambda service, keys=None: node.client(service, "eu-west-1", keys)


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def test_a_user_assumes_a_role_and_works_as_it(client: Client) -> None:
    iam = client("iam")
    user = iam.create_user(UserName="ann", Tags=[{"Key": "team", "Value": "red"}])["User"]
    iam.get_waiter("user_exists").wait(UserName="ann", WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    keys = iam.create_access_key(UserName="ann")["AccessKey"]
    trust = policy(Principal={"AWS": user["Arn"]}, Action="sts:AssumeRole")
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust)["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads(trust)
    iam.put_role_policy(RoleName="worker", PolicyName="queues", PolicyDocument=policy(Action="sqs:*", Resource="*"))

    with pytest.raises(client("sqs", keys).exceptions.ClientError) as denied:
        client("sqs", keys).create_queue(QueueName="q")
    assert denied.value.response["Error"]["Code"] == "AccessDenied"
    assert "because no identity-based policy allows the sqs:CreateQueue action" in str(denied.value)

    session = client("sts", keys).assume_role(RoleArn=role["Arn"], RoleSessionName="job")["Credentials"]
    identity = client("sts", session).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/job"
    assert client("sqs", session).create_queue(QueueName="q")["QueueUrl"].endswith(f"/{ACCOUNT}/q")


def test_policies_are_made_attached_paged_and_taken_away(client: Client) -> None:
    iam = client("iam")
    iam.create_group(GroupName="staff")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy(Action="s3:*", Resource="*"))["Policy"]["Arn"]
    iam.attach_group_policy(GroupName="staff", PolicyArn=arn)
    iam.attach_group_policy(GroupName="staff", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 7})
    names = [each["PolicyName"] for page in pages for each in page["Policies"]]
    assert {"p", "AdministratorAccess", "AWSLambdaBasicExecutionRole"} <= set(names) and len(names) == len(set(names))
    document = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    assert document["Statement"][0]["Action"] == "s3:*"
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_policy(PolicyArn=arn)
    iam.detach_group_policy(GroupName="staff", PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_policy(PolicyArn=arn)


def test_sessions_and_the_simulator(client: Client) -> None:
    iam, sts = client("iam"), client("sts")
    user = iam.create_user(UserName="ann")["User"]
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess")
    answer = iam.simulate_principal_policy(
        PolicySourceArn=user["Arn"], ActionNames=["sqs:ListQueues", "sqs:CreateQueue"]
    )
    assert [each["EvalDecision"] for each in answer["EvaluationResults"]] == ["allowed", "implicitDeny"]
    keys = iam.create_access_key(UserName="ann")["AccessKey"]
    session = client("sts", keys).get_session_token()["Credentials"]
    assert client("sts", session).get_caller_identity()["Arn"] == user["Arn"]
    assert client("sqs", session).list_queues().get("QueueUrls", []) == []
    assert sts.get_access_key_info(AccessKeyId=session["AccessKeyId"])["Account"] == ACCOUNT
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client("iam", session).list_users()
    with pytest.raises(ClientError, match="NotImplemented"):
        iam.create_login_profile(UserName="ann", Password="x")
