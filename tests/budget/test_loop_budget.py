"""No request and no due work, at the largest AWS allows, holds the event loop beyond its budget (loop_work.py)."""

import json
from collections.abc import Callable

import pytest

from cloudlet.services.s3.lookup import find_bucket
from cloudlet.services.s3.multipart import put_part, require_upload
from cloudlet.services.s3.records import Part
from tests.budget.loop_work import CALLS_MAX, LoopWork, key, table

DAY_S = 86_400


def dimensions(number: int, count: int = 3) -> list[dict[str, str]]:
    return [{"Name": f"d{at}", "Value": f"v{number}"} for at in range(count)]


def now_s(loop: LoopWork) -> float:
    return loop.node.clock.now_ms() / 1000


# ── S3 ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def upload_of(loop: LoopWork, count: int) -> tuple[str, list[dict]]:
    """A multipart upload with so many parts, each of another length."""
    node = loop.node
    node.aws("s3", "CreateBucket", Bucket="bucket")
    upload_id = node.aws("s3", "CreateMultipartUpload", Bucket="bucket", Key="k")["UploadId"]
    keys = node.node.services["s3"].keys("000000000000", "us-east-1")
    listed = [{"PartNumber": number, "ETag": f'"{number:032x}"'} for number in range(1, count + 1)]

    def put(tx, some):
        contents = keys.of(find_bucket(tx, keys, "bucket").id)
        upload = require_upload(tx, contents, "k", upload_id)
        for entry in some:
            number = entry["PartNumber"]
            part = Part(number, entry["ETag"].strip('"'), (5 << 20) + 7 * number, 0, "", "CRC64NVME", "AAAAAAAAAAA=")
            put_part(type("InTransaction", (), {"tx": tx}), contents, upload, part)

    for start in range(0, count, 1000):
        node.node.database.transact(put, listed[start : start + 1000])
    return upload_id, listed


def complete_an_upload(loop: LoopWork) -> None:
    upload_id, listed = upload_of(loop, 10_000)
    at = {"Bucket": "bucket", "Key": "k", "UploadId": upload_id}
    assert len(loop.aws("s3", "ListParts", **at)["Parts"]) == 1000
    loop.aws("s3", "CompleteMultipartUpload", **at, MultipartUpload={"Parts": listed})
    assert loop.aws("s3", "HeadObject", Bucket="bucket", Key="k", PartNumber=9_999)["PartsCount"] == 10_000
    loop.work()
    loop.aws("s3", "DeleteObject", Bucket="bucket", Key="k")
    loop.work()


def list_and_delete_objects(loop: LoopWork) -> None:
    loop.node.aws("s3", "CreateBucket", Bucket="bucket")
    loop.node.aws(
        "s3", "PutBucketVersioning", Bucket="bucket", VersioningConfiguration={"Status": "Enabled"}
    )  # fmt: skip
    names = [f"folder{number % 10}/{number:050d}" for number in range(1000)]
    for name in names:
        loop.node.aws("s3", "PutObject", Bucket="bucket", Key=name, Body=b"x")
    assert loop.aws("s3", "ListObjectsV2", Bucket="bucket", FetchOwner=True)["KeyCount"] == 1000
    assert len(loop.aws("s3", "ListObjectVersions", Bucket="bucket")["Versions"]) == 1000
    loop.aws("s3", "ListObjects", Bucket="bucket", EncodingType="url")
    found = loop.aws("s3", "DeleteObjects", Bucket="bucket", Delete={"Objects": [{"Key": name} for name in names]})
    assert len(found["Deleted"]) == 1000


# ── CloudWatch ────────────────────────────────────────────────────────────────────────────────────────────────────


def put_metrics(loop: LoopWork) -> None:
    data = [{"MetricName": f"m{number}", "Dimensions": dimensions(number), "Value": 1.0} for number in range(1000)]
    loop.aws("cloudwatch", "PutMetricData", Namespace="N", MetricData=data)
    loop.aws("cloudwatch", "PutMetricData", Namespace="N", MetricData=data)
    assert len(loop.aws("cloudwatch", "ListMetrics", Namespace="N")["Metrics"]) == 500
    queries = [
        {"Id": f"q{number}", "MetricStat": {"Metric": {"Namespace": "N", "MetricName": f"m{number}",
         "Dimensions": dimensions(number)}, "Period": 60, "Stat": "Sum"}}
        for number in range(500)
    ]  # fmt: skip
    found = loop.aws(
        "cloudwatch", "GetMetricData", MetricDataQueries=queries, StartTime=now_s(loop) - 600,
        EndTime=now_s(loop) + 600,
    )  # fmt: skip
    assert len(found["MetricDataResults"]) == 500


def put_wide_metrics(loop: LoopWork) -> None:
    wide = [{"MetricName": f"m{number}", "Dimensions": dimensions(number, 30), "Value": 1.0} for number in range(500)]
    loop.aws("cloudwatch", "PutMetricData", Namespace="Wide", MetricData=wide)
    values = [
        {"MetricName": f"m{number}", "Values": [float(at) for at in range(150)], "StorageResolution": 1}
        for number in range(300)
    ]
    loop.aws("cloudwatch", "PutMetricData", Namespace="Values", MetricData=values)


def read_a_long_series(loop: LoopWork) -> None:
    now = int(now_s(loop))
    for start in range(0, 2000, 1000):
        data = [
            {"MetricName": "m", "Value": float(at), "Timestamp": now - 60 * at} for at in range(start, start + 1000)
        ]
        loop.node.aws("cloudwatch", "PutMetricData", Namespace="N", MetricData=data)
    metric = {"Namespace": "N", "MetricName": "m"}
    queries = [
        {"Id": f"q{number}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "p99"}} for number in range(5)
    ]
    queries += [{"Id": f"e{number}", "Expression": f"q1 + q2 * {number}"} for number in range(5)]
    found = loop.aws(
        "cloudwatch", "GetMetricData", MetricDataQueries=queries, StartTime=now - 3 * DAY_S, EndTime=now
    )["MetricDataResults"]  # fmt: skip
    assert sum(len(result["Values"]) for result in found) > 19_000


def evaluate_long_alarms(loop: LoopWork) -> None:
    now = int(now_s(loop))
    data = [{"MetricName": "m", "Value": float(at), "Timestamp": now - 60 * at} for at in range(1000)]
    loop.node.aws("cloudwatch", "PutMetricData", Namespace="N", MetricData=data)
    threshold = {"Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1440}
    stat = {"Metric": {"Namespace": "N", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    metrics = [{"Id": f"m{number}", "MetricStat": stat, "ReturnData": False} for number in range(9)]
    metrics.append({"Id": "e", "Expression": "SUM(METRICS())"})
    loop.aws("cloudwatch", "PutMetricAlarm", AlarmName="long", Metrics=metrics, **threshold)
    for number in range(120):
        loop.aws(
            "cloudwatch", "PutMetricAlarm", AlarmName=f"a{number}", Namespace="N", MetricName="m", Period=60,
            Statistic="Sum", Threshold=1.0, ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1,
        )  # fmt: skip
    loop.aws("cloudwatch", "PutMetricData", Namespace="N", MetricData=data[:1])
    loop.work()
    loop.node.clock.advance(70_000)
    loop.work()
    assert len(loop.aws("cloudwatch", "DescribeAlarms", MaxRecords=100)["MetricAlarms"]) == 100
    found = loop.aws("cloudwatch", "DescribeAlarmsForMetric", Namespace="N", MetricName="m")["MetricAlarms"]
    assert len(found) == 120


# ── CloudWatch Logs ───────────────────────────────────────────────────────────────────────────────────────────────


def put_and_read_logs(loop: LoopWork) -> None:
    loop.node.aws("logs", "CreateLogGroup", logGroupName="g")
    at = {"logGroupName": "g", "logStreamName": "s"}
    loop.node.aws("logs", "CreateLogStream", **at)
    now = loop.node.clock.now_ms()
    events = [{"timestamp": now - 10_000 + number, "message": f"{number:070d}"} for number in range(10_000)]
    loop.aws("logs", "PutLogEvents", **at, logEvents=events)
    assert len(loop.aws("logs", "GetLogEvents", **at, startFromHead=True)["events"]) > 9_000
    assert len(loop.aws("logs", "FilterLogEvents", logGroupName="g")["events"]) > 9_000
    assert loop.aws("logs", "FilterLogEvents", logGroupName="g", filterPattern="{ $.a = 1 }")["events"] == []
    loop.aws("logs", "DeleteLogGroup", logGroupName="g")
    loop.work()


def put_logs_past_many_filters(loop: LoopWork) -> None:
    loop.node.aws("logs", "CreateLogGroup", logGroupName="g")
    at = {"logGroupName": "g", "logStreamName": "s"}
    loop.node.aws("logs", "CreateLogStream", **at)
    for number in range(100):
        loop.node.aws(
            "logs", "PutMetricFilter", logGroupName="g", filterName=f"f{number}", filterPattern="[a, b]",
            metricTransformations=[{"metricName": f"m{number}", "metricNamespace": "N", "metricValue": "1"}],
        )  # fmt: skip
    now = loop.node.clock.now_ms()
    events = [{"timestamp": now - 10_000 + number, "message": f"{number} one"} for number in range(500)]
    loop.aws("logs", "PutLogEvents", **at, logEvents=events)
    loop.work()
    assert len(loop.node.aws("cloudwatch", "ListMetrics", Namespace="N")["Metrics"]) == 100


# ── DynamoDB, SQS, SNS ────────────────────────────────────────────────────────────────────────────────────────────


def item(number: int, size: int) -> dict:
    return {**key(number), "n": {"N": str(number)}, "w": {"S": "x" * size}}


def write_and_read_items(loop: LoopWork) -> None:
    table(loop)
    puts = [{"PutRequest": {"Item": item(number, 390_000)}} for number in range(25)]
    loop.aws("dynamodb", "BatchWriteItem", RequestItems={"table": puts})
    for start in range(100, 5_100, 25):
        puts = [{"PutRequest": {"Item": item(start + at, 200)}} for at in range(25)]
        loop.node.aws("dynamodb", "BatchWriteItem", RequestItems={"table": puts})
    loop.aws("dynamodb", "BatchGetItem", RequestItems={"table": {"Keys": [key(number) for number in range(100)]}})
    found = loop.aws(
        "dynamodb", "Query", TableName="table", KeyConditionExpression="p = :p AND s > :s",
        FilterExpression="n > :n AND contains(w, :w)",
        ExpressionAttributeValues={":p": {"S": "p"}, ":s": {"S": "00099"}, ":n": {"N": "0"}, ":w": {"S": "y"}},
    )  # fmt: skip
    assert found["ScannedCount"] > 3_000
    updates = [
        {"Update": {"TableName": "table", "Key": key(number), "UpdateExpression": "SET w = :w ADD c :one",
         "ConditionExpression": "n < :n", "ExpressionAttributeValues": {":w": {"S": "w"}, ":one": {"N": "1"},
         ":n": {"N": "100000"}}}}
        for number in range(100, 200)
    ]  # fmt: skip
    loop.aws("dynamodb", "TransactWriteItems", TransactItems=updates)
    puts = [{"Put": {"TableName": "table", "Item": item(number, 39_000)}} for number in range(100)]
    loop.aws("dynamodb", "TransactWriteItems", TransactItems=puts)


def send_and_receive_messages(loop: LoopWork) -> None:
    url = loop.node.aws("sqs", "CreateQueue", QueueName="q")["QueueUrl"]
    attributes = {f"a{at}": {"DataType": "String", "StringValue": "v"} for at in range(10)}
    entries = [
        {"Id": str(number), "MessageBody": "x" * 90_000, "MessageAttributes": attributes} for number in range(10)
    ]
    loop.aws("sqs", "SendMessageBatch", QueueUrl=url, Entries=entries)
    found = loop.aws("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    handles = [{"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]} for at, message in enumerate(found)]
    loop.aws("sqs", "DeleteMessageBatch", QueueUrl=url, Entries=handles)


def publish_to_many(loop: LoopWork) -> None:
    topic = loop.node.aws("sns", "CreateTopic", Name="t")["TopicArn"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*",
              "Resource": "*"}]}  # fmt: skip
    for number in range(60):
        name = f"q{number}"
        loop.node.aws("sqs", "CreateQueue", QueueName=name, Attributes={"Policy": json.dumps(policy)})
        arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
        loop.node.aws(
            "sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=arn,
            Attributes={"FilterPolicy": json.dumps({"a": [str(at) for at in range(20)]})},
        )  # fmt: skip
    attributes = {"a": {"DataType": "String", "StringValue": "19"}}
    entries = [{"Id": str(at), "Message": "x" * 20_000, "MessageAttributes": attributes} for at in range(10)]
    loop.aws("sns", "PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries)
    loop.work()


LARGEST: list[Callable[[LoopWork], None]] = [
    complete_an_upload,
    list_and_delete_objects,
    put_metrics,
    put_wide_metrics,
    read_a_long_series,
    evaluate_long_alarms,
    put_and_read_logs,
    put_logs_past_many_filters,
    write_and_read_items,
    send_and_receive_messages,
    publish_to_many,
]


@pytest.mark.parametrize("at_its_largest", LARGEST, ids=lambda scenario: scenario.__name__)
def test_no_callback_goes_beyond_its_budget(
    loop: LoopWork, at_its_largest: Callable[[LoopWork], None], record_property: Callable[[str, object], None]
) -> None:
    at_its_largest(loop)
    record_property("calls", loop.most)
    assert 0 < loop.most <= CALLS_MAX


def test_the_count_sees_work_on_the_loop(loop: LoopWork) -> None:
    loop._step(lambda: [len("") for _ in range(CALLS_MAX)])
    assert loop.most > CALLS_MAX
