"""Ways around IAM that were open once: another resource than the one asked about, another account, a forged handle."""

import base64
import io
import json
import zipfile
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloudlet.kit import page
from cloudlet.kit.secrets import Sealer
from cloudlet.kit.session_token import SessionClaims, mint
from cloudlet.store.keys import pack, unpack
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.model import load
from tests import sdk_wire
from tests.client import ACCOUNT, REGION, AwsError, Caller, TestNode

DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError")
TEMPLATE = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})


def refused(caller: Caller, service: str, operation: str, **parameters: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        caller.aws(service, operation, **parameters)
    assert caught.value.code in DENIED, caught.value.code
    return caught.value


def url(name: str) -> str:
    return f"http://127.0.0.1:4566/{ACCOUNT}/{name}"


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def a_layer() -> dict[str, bytes]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("module.py", "")
    return {"ZipFile": file.getvalue()}


def may(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


# ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", [bytes(32), b"\xff" * 32])
def test_a_node_in_memory_has_no_key_that_could_be_guessed(node: TestNode, key: bytes) -> None:
    claims = SessionClaims(
        access_key_id="ASIAFORGEDFORGEDFORG", secret="s" * 40, account=ACCOUNT,
        principal_arn=f"arn:aws:sts::{ACCOUNT}:federated-user/me", user_id=f"{ACCOUNT}:me",
        principal_type="FederatedUser", role_arn=f"arn:aws:iam::{ACCOUNT}:root", issued_ms=0, expires_ms=1 << 45,
        session_policies=('{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',),
    )  # fmt: skip
    forged = node.caller(claims.access_key_id, claims.secret, mint(Sealer(key), claims))
    with pytest.raises(AwsError) as caught:
        forged.aws("iam", "ListUsers")
    assert caught.value.code == "InvalidClientTokenId"


def test_two_nodes_in_memory_do_not_take_each_others_sessions(node: TestNode) -> None:
    with TestNode(node_key=None) as other:
        given = other.aws("sts", "GetSessionToken")["Credentials"]
    with pytest.raises(AwsError):
        node.caller(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]).aws("sqs", "ListQueues")


# ── IAM ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("kind", "word"), [("User", "user"), ("Group", "group")])
def test_a_new_name_or_path_must_be_allowed_too(node: TestNode, kind: str, word: str) -> None:
    """Policies elsewhere name users by ARN: who takes on an ARN takes on what it may."""
    node.aws("iam", f"Create{kind}", **{f"{kind}Name": "intern"}, Path="/dev/")
    caller = node.as_user(may(f"iam:Update{kind}", resource=f"arn:aws:iam::{ACCOUNT}:{word}/dev/*"))
    error = refused(caller, "iam", f"Update{kind}", **{f"{kind}Name": "intern", f"New{kind}Name": "boss"}, NewPath="/")
    assert f"{word}/boss" in error.message
    caller.aws("iam", f"Update{kind}", **{f"{kind}Name": "intern", f"New{kind}Name": "trainee"})
    assert node.aws("iam", f"Get{kind}", **{f"{kind}Name": "trainee"})[kind]["Path"] == "/dev/"


@pytest.mark.parametrize("position", [(0,), (0, 5), (0, b"x"), (0, "a", "b")])
def test_a_marker_of_policies_that_is_forged_is_refused(node: TestNode, position: tuple) -> None:
    with pytest.raises(AwsError) as caught:
        node.aws("iam", "ListPolicies", Marker=page.encode_token(*position))
    assert caught.value.code == "ValidationError"


# ── Lambda layers ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_versions_of_another_accounts_layer_are_not_listed(node: TestNode) -> None:
    node.aws("lambda", "PublishLayerVersion", LayerName="secret", Content=a_layer())
    stranger = node.caller("111111111111", "test")
    refused(stranger, "lambda", "ListLayerVersions", LayerName=f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:secret")
    assert node.aws("lambda", "ListLayerVersions", LayerName="secret")["LayerVersions"]


def test_a_layer_that_is_public_in_one_region_opens_no_other(node: TestNode) -> None:
    node.aws("lambda", "PublishLayerVersion", LayerName="tools", Content=a_layer())
    elsewhere = node.caller("test", "test", region="eu-west-1")
    elsewhere.aws("lambda", "PublishLayerVersion", LayerName="tools", Content=a_layer())
    elsewhere.aws(
        "lambda", "AddLayerVersionPermission", LayerName="tools", VersionNumber=1, StatementId="all", Principal="*",
        Action="lambda:GetLayerVersion",
    )  # fmt: skip
    stranger = node.caller("111111111111", "test")
    arn = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:layer:tools"
    refused(stranger, "lambda", "GetLayerVersion", LayerName=arn, VersionNumber=1)
    there = node.caller("111111111111", "test", region="eu-west-1")
    assert there.aws("lambda", "GetLayerVersion", LayerName=arn, VersionNumber=1)["Version"] == 1


# ── SQS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_moving_messages_asks_for_what_it_does_to_both_queues(node: TestNode) -> None:
    for name in ("dead", "mine"):
        node.aws("sqs", "CreateQueue", QueueName=name)
    redrive = json.dumps({"deadLetterTargetArn": queue_arn("dead"), "maxReceiveCount": 1})
    node.aws("sqs", "CreateQueue", QueueName="orders", Attributes={"RedrivePolicy": redrive})
    start = may("sqs:StartMessageMoveTask")
    take = may("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", resource=queue_arn("dead"))
    to_mine = {"SourceArn": queue_arn("dead"), "DestinationArn": queue_arn("mine")}
    error = refused(node.as_user(start), "sqs", "StartMessageMoveTask", **to_mine)
    assert "sqs:ReceiveMessage" in error.message
    error = refused(node.as_user(start, take), "sqs", "StartMessageMoveTask", **to_mine)
    assert "sqs:SendMessage" in error.message and error.message.count(queue_arn("mine"))
    give = may("sqs:SendMessage", resource=queue_arn("mine"))
    mover = node.as_user(start, take, give)
    error = refused(mover, "sqs", "StartMessageMoveTask", SourceArn=queue_arn("dead"))
    assert queue_arn("orders") in error.message
    assert mover.aws("sqs", "StartMessageMoveTask", **to_mine)["TaskHandle"]


@pytest.mark.parametrize("operation", ["DeleteMessage", "ChangeMessageVisibility"])
def test_a_forged_handle_reaches_no_other_queues_messages(node: TestNode, operation: str) -> None:
    handles = {}
    for name in ("victim", "mine"):
        node.aws("sqs", "CreateQueue", QueueName=name)
        node.aws("sqs", "SendMessage", QueueUrl=url(name), MessageBody="m")
        handle = node.aws("sqs", "ReceiveMessage", QueueUrl=url(name))["Messages"][0]["ReceiptHandle"]
        handles[name] = unpack(base64.b64decode(handle)[4:])
    forged = base64.b64encode(b"AQEB" + pack((handles["mine"][0], *handles["victim"][1:]))).decode()
    caller = node.as_user(may(f"sqs:{operation}", resource=queue_arn("mine")))
    more: dict[str, Any] = {"VisibilityTimeout": 0} if operation == "ChangeMessageVisibility" else {}
    caller.aws("sqs", operation, QueueUrl=url("mine"), ReceiptHandle=forged, **more)
    attributes = node.aws("sqs", "GetQueueAttributes", QueueUrl=url("victim"), AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"


# ── CloudFormation ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("operation", ["DescribeChangeSet", "GetTemplate", "ExecuteChangeSet", "DeleteChangeSet"])
def test_a_change_sets_arn_counts_whatever_stack_is_named_beside_it(node: TestNode, operation: str) -> None:
    made = node.aws(
        "cloudformation", "CreateChangeSet", StackName="victim", ChangeSetName="set", ChangeSetType="CREATE",
        TemplateBody=TEMPLATE,
    )  # fmt: skip
    own = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/own/*"
    caller = node.as_user(may("cloudformation:*", resource=own))
    error = refused(caller, "cloudformation", operation, StackName="own", ChangeSetName=made["Id"])
    assert "stack/victim/" in error.message


# ── the node's own service ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("operation", ["ListMail", "ListDecisions", "GetStatus", "GetClock", "AdvanceClock"])
def test_the_node_belongs_to_its_first_account(node: TestNode, operation: str) -> None:
    """Mail, decisions and clock are those of all accounts: an administrator of another one is a stranger to them."""
    node.caller("111111111111", "test").aws("iam", "CreateUser", UserName="admin")
    node.caller("111111111111", "test").aws(
        "iam", "AttachUserPolicy", UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    key = node.caller("111111111111", "test").aws("iam", "CreateAccessKey", UserName="admin")["AccessKey"]
    own = node.as_user(may("cloudlet:*"))
    request = {"Milliseconds": 1} if operation == "AdvanceClock" else {}
    for key_id, secret in (("test", "test"), ("111111111111", "test"), (own.key_id, own.secret)):
        assert node.send(cloudlet_request(node, operation, request, key_id, secret)).status == 200
    answer = node.send(cloudlet_request(node, operation, request, key["AccessKeyId"], key["SecretAccessKey"]))
    assert isinstance(answer.body, bytes)
    assert answer.status == 400 and b"AccessDeniedException" in answer.body


def cloudlet_request(node: TestNode, operation: str, request: dict[str, Any], key_id: str, secret: str) -> HttpRequest:
    model = load("cloudlet")
    headers = {
        "Host": "127.0.0.1:4566", "X-Amz-Target": f"{model.target_prefix}.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
    }  # fmt: skip
    made = AWSRequest("POST", "http://127.0.0.1:4566/", headers=headers, data=json.dumps(request).encode())
    signer = sdk_wire._At(Credentials(key_id, secret), model.signing_name, REGION)
    signer.wall_ms = node.clock.wall_ms()
    signer.add_auth(made)
    return sdk_wire.to_http_request(made)
