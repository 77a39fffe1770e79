"""Many in one request: each key, table and kind of action is asked for on its own; nothing rides along."""

from typing import Any

import pytest

from tests.client import TestNode
from tests.security.attackers import allow, denial
from tests.services.s3.conftest import S3

TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table"
ITEM = {"k": {"S": "1"}}


@pytest.fixture
def tables(node: TestNode) -> TestNode:
    for name in ("open", "shut"):
        node.aws("dynamodb", "CreateTable", TableName=name, BillingMode="PAY_PER_REQUEST",
                 AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                 KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}])  # fmt: skip
    return node


def names_of(table: str) -> list[str]:
    return [table, f"{TABLE}/{table}"]


@pytest.mark.parametrize("shut", names_of("shut"))
def test_a_batch_reaches_no_table_that_may_not_be_reached(tables: TestNode, shut: str) -> None:
    ann = tables.as_user(allow("dynamodb:*", f"{TABLE}/open"))
    reads = {"open": {"Keys": [ITEM]}, shut: {"Keys": [ITEM]}}
    assert "table/shut" in denial(ann, "dynamodb", "BatchGetItem", RequestItems=reads)
    writes = {"open": [{"PutRequest": {"Item": ITEM}}], shut: [{"PutRequest": {"Item": ITEM}}]}
    assert "table/shut" in denial(ann, "dynamodb", "BatchWriteItem", RequestItems=writes)
    assert tables.aws("dynamodb", "Scan", TableName="open")["Count"] == 0  # nothing was done by half
    ann.aws("dynamodb", "BatchGetItem", RequestItems={"open": {"Keys": [ITEM]}})


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "Put": ("PutItem", {"Item": ITEM}),
    "Delete": ("DeleteItem", {"Key": ITEM}),
    "Update": ("UpdateItem", {"Key": ITEM, "UpdateExpression": "SET a = :a",
                              "ExpressionAttributeValues": {":a": {"S": "x"}}}),
    "ConditionCheck": ("ConditionCheckItem", {"Key": ITEM, "ConditionExpression": "attribute_not_exists(k)"}),
}  # fmt: skip


@pytest.mark.parametrize("shut", names_of("shut"))
@pytest.mark.parametrize("kind", KINDS)
def test_a_transaction_does_to_each_table_only_what_may_be_done_to_it(tables: TestNode, kind: str, shut: str) -> None:
    action, parameters = KINDS[kind]
    ann = tables.as_user(
        allow("dynamodb:*", f"{TABLE}/open"),
        {"Effect": "Allow", "NotAction": f"dynamodb:{action}", "Resource": f"{TABLE}/shut"},
    )
    put = {"Put": {"TableName": "open", "Item": ITEM}}
    message = denial(
        ann, "dynamodb", "TransactWriteItems", TransactItems=[put, {kind: {"TableName": shut, **parameters}}]
    )
    assert f"dynamodb:{action} on resource: {TABLE}/shut" in message
    assert tables.aws("dynamodb", "Scan", TableName="open")["Count"] == 0


def test_a_reading_transaction_asks_for_each_table(tables: TestNode) -> None:
    ann = tables.as_user(allow("dynamodb:GetItem", f"{TABLE}/open"))
    gets = [{"Get": {"TableName": name, "Key": ITEM}} for name in ("open", "shut")]
    assert "table/shut" in denial(ann, "dynamodb", "TransactGetItems", TransactItems=gets)
    ann.aws("dynamodb", "TransactGetItems", TransactItems=gets[:1])


def test_who_may_reach_his_own_keys_gets_no_others_into_a_batch(tables: TestNode) -> None:
    own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:username}"]}}
    ann = tables.as_user(allow(["dynamodb:BatchGetItem", "dynamodb:PutItem"], Condition=own), name="ann")
    mine, others = {"k": {"S": "ann"}}, {"k": {"S": "bob"}}
    ann.aws("dynamodb", "BatchGetItem", RequestItems={"open": {"Keys": [mine]}})
    denial(ann, "dynamodb", "BatchGetItem", RequestItems={"open": {"Keys": [mine, others]}})
    items = [{"Put": {"TableName": "open", "Item": item}} for item in (mine, others)]
    denial(ann, "dynamodb", "TransactWriteItems", TransactItems=items)
    ann.aws("dynamodb", "TransactWriteItems", TransactItems=items[:1])


# ── S3 ────────────────────────────────────────────────────────────────────────────────────────────────────────────

ARN = "arn:aws:s3:::photos"


@pytest.fixture
def s3(node: TestNode) -> S3:
    root = S3(node)
    root("CreateBucket")
    for key in ("public/k", "secret/k"):
        root.put(key)
    return root


def test_each_key_that_is_deleted_is_asked_for(node: TestNode, s3: S3) -> None:
    ann = S3(node.as_user(allow("s3:DeleteObject", f"{ARN}/public/*")))
    answer = ann("DeleteObjects", Delete={"Objects": [{"Key": "secret/k"}, {"Key": "public/k"}]})
    assert [d["Key"] for d in answer["Deleted"]] == ["public/k"]
    assert [(e["Key"], e["Code"]) for e in answer["Errors"]] == [("secret/k", "AccessDenied")]
    assert s3.read("secret/k") == "body"


def test_a_version_that_is_deleted_in_a_batch_is_another_action(node: TestNode, s3: S3) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put("public/k")["VersionId"]
    ann = S3(node.as_user(allow("s3:DeleteObject", f"{ARN}/*")))
    (error,) = ann("DeleteObjects", Delete={"Objects": [{"Key": "public/k", "VersionId": version}]})["Errors"]
    assert error["Code"] == "AccessDenied"
    assert s3.read("public/k", VersionId=version) == "body"


SOURCES = ["photos/secret/k", "/photos/secret/k", "photos/secret%2Fk", "photos/%73ecret/k", "photos/public/../secret/k"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("operation", ["CopyObject", "UploadPartCopy"])
def test_a_copy_reads_its_source_as_who_copies(node: TestNode, s3: S3, operation: str, source: str) -> None:
    ann = S3(node.as_user(allow("s3:*", f"{ARN}/public/*")))
    more = {}
    if operation == "UploadPartCopy":
        more = {"UploadId": ann("CreateMultipartUpload", Key="public/copy")["UploadId"], "PartNumber": 1}
    error = ann.error(operation, Key="public/copy", CopySource=source, **more)
    assert error.code in ("AccessDenied", "NoSuchKey")
    if "public" not in source:
        assert f"s3:GetObject on resource: {ARN}/secret/k" in error.message


@pytest.mark.parametrize(
    ("more", "action"),
    [
        ({"Tagging": "a=1"}, "s3:PutObjectTagging"),
        ({"ACL": "public-read"}, "s3:PutObjectAcl"),
        ({"GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'}, "s3:PutObjectAcl"),
        ({"GrantFullControl": 'id="1"'}, "s3:PutObjectAcl"),
        ({"GrantWriteACP": 'id="1"'}, "s3:PutObjectAcl"),
        ({"GrantReadACP": 'id="1"'}, "s3:PutObjectAcl"),
    ],
)
@pytest.mark.parametrize("operation", ["PutObject", "CopyObject", "CreateMultipartUpload"])
def test_tags_and_acls_in_a_write_need_their_own_actions(
    node: TestNode, s3: S3, operation: str, more: dict[str, str], action: str
) -> None:
    ann = S3(node.as_user(allow(["s3:PutObject", "s3:GetObject"])))
    extra = {"CopySource": "photos/public/k"} if operation == "CopyObject" else {}
    code, message = ann.refused(operation, Key="new", **extra, **more)
    assert code == "AccessDenied" and action in message


def test_an_older_version_is_another_action(node: TestNode, s3: S3) -> None:
    s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put("public/k", b"old")["VersionId"]
    s3.put("public/k", b"new")
    ann = S3(node.as_user(allow("s3:GetObject")))
    assert ann.read("public/k") == "new"
    for operation in ("GetObject", "HeadObject", "GetObjectAttributes"):
        more = {"ObjectAttributes": ["ETag"]} if operation == "GetObjectAttributes" else {}
        assert ann.error(operation, Key="public/k", VersionId=version, **more).status == 403
    assert ann.refused("CopyObject", Key="x", CopySource=f"photos/public/k?versionId={version}")[0] == "AccessDenied"


def test_a_message_batch_is_asked_for_as_one_message_is(node: TestNode) -> None:
    url = node.aws("sqs", "CreateQueue", QueueName="q")["QueueUrl"]
    topic = node.aws("sns", "CreateTopic", Name="t")["TopicArn"]
    ann = node.as_user(allow(["sqs:SendMessageBatch", "sns:PublishBatch", "sqs:DeleteMessageBatch"]))
    denial(ann, "sqs", "SendMessageBatch", QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "m"}])
    denial(ann, "sns", "PublishBatch", TopicArn=topic, PublishBatchRequestEntries=[{"Id": "1", "Message": "m"}])
    denial(ann, "sqs", "DeleteMessageBatch", QueueUrl=url, Entries=[{"Id": "1", "ReceiptHandle": "h"}])
