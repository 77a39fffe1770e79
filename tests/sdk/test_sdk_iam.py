"""boto3 against a node on a socket: a user, a role, a session, and what they may."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cloudlet.app.server import Server
from cloudlet.app.wiring import build
from cloudlet.base.config import Settings

START_GUARD_S = 10
ACCOUNT = "000000000000"

Client = Callable[..., Any]


class NodeThread(threading.Thread):
    """A node in memory that listens on a port of its own, on a loop in this thread."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ready = threading.Event()
        self.url = ""

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        house = build(Settings())
        loop = self.loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        server = Server(house.gateway.handle, on_protocol_error=house.gateway.protocol_error)
        house.node.database.journal.start(loop)
        self.url = f"http://127.0.0.1:{await server.listen('127.0.0.1', 0)}"
        await house.start(server)
        self.ready.set()
        await self.stopping.wait()
        await server.close(grace_s=1)
        await house.stop()
        house.node.database.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.join(START_GUARD_S)
        assert not self.is_alive(), "the node does not stop"


@pytest.fixture
def client() -> Iterator[Client]:
    """Makes boto3 clients: client("iam"), client("sqs", keys)."""
    node = NodeThread()
    node.start()
    assert node.ready.wait(START_GUARD_S), "the node does not start"
    made = []

    def make(service: str, keys: dict[str, Any] | None = None) -> Any:
        keys = keys or {"AccessKeyId": "test", "SecretAccessKey": "test"}
        made.append(boto3.client(
            service, endpoint_url=node.url, region_name="eu-west-1", aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys.get("SessionToken"),
            config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=5),
        ))  # fmt: skip
        return made[-1]

    yield make
    for each in made:
        each.close()
    node.stop()


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
