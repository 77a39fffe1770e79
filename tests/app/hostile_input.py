"""Requests that are nearly right: plausible parameters from the models, then seeded damage to values and to bytes."""

import json
import random
from dataclasses import replace
from typing import Any

from cloudlet.kit.page import encode_token
from cloudlet.wire.message import HttpRequest

ACCOUNT = "000000000000"
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"},
        ],
    }
)
OPEN = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
    }
)
TEMPLATE = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}, "Parameters": {"A": {"Type": "String"}}})
ITEM = {"id": {"S": "a"}, "n": {"N": "1"}}


def arn(service: str, resource: str, region: str = "us-east-1", account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{resource}"


# What members are called whose values must name something that is there; the service's own first, then anybody's.
KNOWN: dict[str, Any] = {
    "QueueUrl": f"http://127.0.0.1:4566/{ACCOUNT}/q",
    "QueueName": "q",
    "ReceiptHandle": "handle",
    "SourceArn": arn("sqs", "q"),
    "Bucket": "bucket",
    "Key": "key",
    "CopySource": "bucket/key",
    "sqs.Policy": OPEN,
    "s3.Policy": OPEN,
    "dynamodb.Key": {"id": {"S": "a"}},
    "dynamodb.Item": ITEM,
    "dynamodb.ExpressionAttributeValues": {":v": {"N": "1"}},
    "dynamodb.ExpressionAttributeNames": {"#n": "n"},
    "dynamodb.ExclusiveStartKey": {"id": {"S": "a"}},
    "dynamodb.RequestItems": {
        "table": [{"PutRequest": {"Item": ITEM}}, {"DeleteRequest": {"Key": {"id": {"S": "b"}}}}]
    },
    "UpdateExpression": "SET #n = if_not_exists(#n, :v) + :v REMOVE b[1], c.d",
    "ConditionExpression": "attribute_not_exists(#n) OR (#n >= :v AND size(id) < :v)",
    "FilterExpression": "#n BETWEEN :v AND :v AND contains(id, :v)",
    "KeyConditionExpression": "id = :v",
    "ProjectionExpression": "id, #n, a.b[0]",
    "Statement": "SELECT * FROM table",
    "TableName": "table",
    "TableArn": arn("dynamodb", "table/table"),
    "AttributeName": "id",
    "KeyType": "HASH",
    "AttributeType": "S",
    "BillingMode": "PAY_PER_REQUEST",
    "FunctionName": "function",
    "Runtime": "java21",  # does not run here: nothing is started
    "Handler": "app.handler",
    "Role": arn("iam", "role/role", ""),
    "Name": "function",
    "ZipFile": b"PK\x05\x06" + bytes(18),
    "LayerName": "layer",
    "UserName": "user",
    "GroupName": "group",
    "RoleName": "role",
    "InstanceProfileName": "profile",
    "PolicyName": "policy",
    "PolicyArn": arn("iam", "policy/policy", ""),
    "PolicySourceArn": arn("iam", "user/user", ""),
    "PolicyDocument": ALLOW,
    "AssumeRolePolicyDocument": TRUST,
    "RoleArn": arn("iam", "role/role", ""),
    "RoleSessionName": "session",
    "VersionId": "v1",
    "Path": "/",
    "Marker": encode_token("a"),
    "NextToken": encode_token("a"),
    "TopicArn": arn("sns", "topic"),
    "sns.Name": "topic",
    "sns.Protocol": "sqs",
    "sns.Endpoint": arn("sqs", "q"),
    "SubscriptionArn": arn("sns", "topic:00000000-0000-4000-8000-000000000000"),
    "StackName": "stack",
    "ChangeSetName": "changes",
    "TemplateBody": TEMPLATE,
    "logGroupName": "logs",
    "logStreamName": "stream",
    "logGroupIdentifier": "logs",
    "filterPattern": '{ $.a = "b" && $.c >= 1 }',
    "metricName": "metric",
    "AlarmName": "alarm",
    "AlarmNames": ["alarm"],
    "Namespace": "space",
    "MetricName": "metric",
    "ResourceARN": arn("dynamodb", "table/table"),
    "ResourceArn": arn("sqs", "q"),
    "resourceArn": arn("logs", "log-group:logs"),
    "Resource": arn("lambda", "function:function"),
    "WaitTimeSeconds": 0,
}
TOKENS = [encode_token(*position) for position in ((), (1,), ("a",), (b"a",), ("a", 1), (1, 2, 3, 4))]
AWKWARD_TEXTS = (
    "", " ", "x" * 300, "é" * 70_000, "\x00", "\ud7ff\ue000", "💥", "a/b", "../..", "arn:aws:", "arn:aws:iam::0:role/x",
    arn("sqs", ""), "*", "${aws:username}", "%", "%zz", "-1", "1e309", "9" * 400, '{"a":', "null", "[]", "{}", "true",
    '{"Statement":1}', '{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}', "[" * 2000, "((a", "a = :v AND",
    "SET", "2026-13-45T99:99:99Z", "http://[::1", "http://127.0.0.1:4566/1/2/3/4", "\r\nx: y", "<a>&b;", "_", "\u202e",
    *TOKENS,
)  # fmt: skip
AWKWARD_NUMBERS = (-1, 0, 1, 11, 10**4, 2**31, 2**63, -(2**63), 10**30)
AWKWARD_BYTES = (b"", b"\x00", b"\xff" * 100, b"PK\x03\x04", b"{" * 3000, b"x" * 100_000)
CHUNKS = (b"", b"\x00", b"\xff\xfe", b"null", b'"x"', b"[]", b"{}", b"-1e999", b"9" * 400, b"&", b"<a>", b"%zz", b"%ff",
          b".1.", b"=", b"[" * 3000, b"\xbf" * 50)  # fmt: skip


class Plausible:
    """Parameters that the service would take for right: names of what is there, optional members more or less."""

    def __init__(self, chance: random.Random, service: str) -> None:
        self.chance, self.service = chance, service
        self.density = chance.choice((0, 0.1, 0.3, 0.7))  # of what need not be there

    def of(self, shape: Any, name: str = "", depth: int = 0) -> Any:
        known = KNOWN.get(f"{self.service}.{name}", KNOWN.get(name))
        if known is not None and _fits(known, shape.type_name):
            return known
        return getattr(self, f"_{shape.type_name}", self._number)(shape, name, depth)

    def _structure(self, shape: Any, name: str, depth: int) -> dict[str, Any]:
        if shape.name == "AttributeValue":
            return self.chance.choice(({"S": "a"}, {"N": "1"}, {"L": [{"S": "a"}]}, {"M": {"a": {"BOOL": True}}}))
        wanted = {
            member: found
            for member, found in shape.members.items()
            if member in shape.required_members or (depth < 5 and self.chance.random() < self.density)
        }
        if getattr(shape, "is_tagged_union", False) and len(wanted) > 1:
            wanted = dict([self.chance.choice(sorted(wanted.items()))])
        return {member: self.of(found, member, depth + 1) for member, found in wanted.items()}

    def _list(self, shape: Any, name: str, depth: int) -> list[Any]:
        return [self.of(shape.member, name, depth + 1) for _ in range(self.chance.choice((0, 1, 1, 2)))]

    def _map(self, shape: Any, name: str, depth: int) -> dict[str, Any]:
        return {"id": self.of(shape.value, name, depth + 1)}

    def _string(self, shape: Any, name: str, depth: int) -> str:
        if shape.enum:
            return self.chance.choice(shape.enum)
        return self.chance.choice(("x", "some-name", "5")).ljust(shape.metadata.get("min", 1), "x")

    def _blob(self, shape: Any, name: str, depth: int) -> bytes:
        return b"body"

    def _boolean(self, shape: Any, name: str, depth: int) -> bool:
        return self.chance.random() < 0.5

    def _timestamp(self, shape: Any, name: str, depth: int) -> int:
        return 1_767_225_600

    def _number(self, shape: Any, name: str, depth: int) -> int:
        lowest = int(shape.metadata.get("min", 0))
        return self.chance.randint(lowest, max(lowest, min(int(shape.metadata.get("max", 10)), 10**6)))


def _fits(value: Any, kind: str) -> bool:
    kinds = {"structure": dict, "map": dict, "list": list, "string": str, "blob": bytes, "integer": int, "long": int}
    return isinstance(value, kinds.get(kind, ()))


def damaged(chance: random.Random, value: Any) -> Any:
    """`value` with one thing in it exchanged, doubled or left out; its kind stays mostly."""
    if isinstance(value, dict) and value:
        name = chance.choice(sorted(value))
        kind = chance.randrange(8)
        if kind == 0:
            return {key: item for key, item in value.items() if key != name}
        if kind == 1:
            return value | {chance.choice(AWKWARD_TEXTS)[:500]: value[name]}
        return value | {name: damaged(chance, value[name])}
    if isinstance(value, list) and value:
        kind = chance.randrange(6)
        if kind == 0:
            return value * chance.choice((2, 30, 300))
        if kind == 1:
            return []
        at = chance.randrange(len(value))
        return [*value[:at], damaged(chance, value[at]), *value[at + 1 :]]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return chance.choice(AWKWARD_NUMBERS)
    if isinstance(value, bytes):
        return chance.choice(AWKWARD_BYTES)
    if isinstance(value, str) and value and chance.random() < 0.3:
        return mutated(chance, value.encode()).decode("latin-1")
    return chance.choice(AWKWARD_TEXTS)


def mutated(chance: random.Random, data: bytes) -> bytes:
    """One to three edits: bytes cut, doubled, replaced by something awkward."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(data) + 1)
        until = min(len(data), at + chance.randrange(12))
        kind = chance.randrange(4)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + chance.choice(CHUNKS) + data[until:]
        elif kind == 2:
            data = data[:until] + data[at:until] * 3 + data[until:]
        else:
            data = data[:at] + chance.randbytes(until - at) + data[until:]
    return data


def spoiled(chance: random.Random, request: HttpRequest) -> HttpRequest:
    """The request, unsigned, with its body, path, query or a header mutated as far as the edge lets it through."""
    part = chance.choice(("body", "body", "body", "path", "query", "header"))
    if part == "header":
        at = chance.randrange(len(request.headers))
        headers = list(request.headers)
        name, value = headers[at]
        if name != "host":
            headers[at] = name, _visible(mutated(chance, value.encode("latin-1", "replace")))
        return replace(request, headers=headers)
    if part == "body" and request.body:
        return replace(request, body=mutated(chance, request.body))
    if part == "path":
        return replace(
            request, path="/" + _visible(mutated(chance, request.path[1:].encode("latin-1"))).replace(" ", "")
        )
    return replace(request, query=_visible(mutated(chance, request.query.encode("latin-1"))).replace(" ", ""))


def as_sent(request: HttpRequest) -> HttpRequest:
    """With headers as they come out of a socket: UTF-8 read as Latin-1, no control characters."""
    headers = [(name, value.encode("utf-8", "replace").decode("latin-1")) for name, value in request.headers]
    kept = [(name, "".join(one for one in value if one >= " ").strip()) for name, value in headers]
    return replace(request, headers=kept)


def _visible(data: bytes) -> str:
    """Without what the edge refuses in a target or a header."""
    return bytes(byte for byte in data if 32 <= byte < 127 and byte not in b"#?").decode()
