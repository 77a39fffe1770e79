"""The function's code: it notes the id of each event it gets, in a table, through the SDK."""

import functools
import urllib.parse

import boto3


def ids_in(event):
    """What an event is about: objects of S3, messages of SNS, or its own id."""
    if "Records" not in event:
        return [event["id"]]
    return [
        record["Sns"]["Message"] if "Sns" in record else urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        for record in event["Records"]
    ]


@functools.cache
def client():
    return boto3.client("dynamodb")


def handler(event, context):
    for event_id in ids_in(event):
        client().put_item(TableName="seen", Item={"id": {"S": event_id}})
