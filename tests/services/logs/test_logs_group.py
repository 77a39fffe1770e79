"""Groups and streams: made once, listed, described, protected, tagged; who may."""

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f"


def make(node: TestNode, name: str = "/aws/lambda/f", **more) -> None:
    node.aws("logs", "CreateLogGroup", logGroupName=name, **more)


def refusal(node: TestNode, operation: str, **parameters) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        node.aws("logs", operation, **parameters)
    return refused.value.code, refused.value.message


def test_a_group_is_described_as_aws_does(node: TestNode) -> None:
    make(node)
    assert node.aws("logs", "DescribeLogGroups", logGroupNamePrefix="/aws")["logGroups"] == [
        {
            "arn": f"{ARN}:*",
            "creationTime": node.clock.now_ms(),
            "deletionProtectionEnabled": False,
            "logGroupArn": ARN,
            "logGroupClass": "STANDARD",
            "logGroupName": "/aws/lambda/f",
            "metricFilterCount": 0,
            "storedBytes": 0,
        }
    ]
    node.aws("logs", "PutRetentionPolicy", logGroupName="/aws/lambda/f", retentionInDays=7)
    assert node.aws("logs", "DescribeLogGroups")["logGroups"][0]["retentionInDays"] == 7
    node.aws("logs", "DeleteRetentionPolicy", logGroupName="/aws/lambda/f")
    assert "retentionInDays" not in node.aws("logs", "DescribeLogGroups")["logGroups"][0]


def test_names_are_given_once(node: TestNode) -> None:
    make(node, "g")
    assert refusal(node, "CreateLogGroup", logGroupName="g") == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    node.aws("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
    assert refusal(node, "CreateLogStream", logGroupName="g", logStreamName="s") == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    assert refusal(node, "CreateLogStream", logGroupName="g", logStreamName="a:b")[0] == "InvalidParameterException"
    assert refusal(node, "PutRetentionPolicy", logGroupName="g", retentionInDays=2)[0] == "InvalidParameterException"


def test_groups_are_listed_page_by_page_and_by_pattern(node: TestNode) -> None:
    for number in range(5):
        make(node, f"g{number}")
    page = node.aws("logs", "DescribeLogGroups", limit=3)
    following = node.aws("logs", "DescribeLogGroups", limit=3, nextToken=page["nextToken"])
    names = [group["logGroupName"] for group in page["logGroups"] + following["logGroups"]]
    assert names == ["g0", "g1", "g2", "g3", "g4"]
    assert "nextToken" not in following
    listed = node.aws("logs", "ListLogGroups", logGroupNamePattern="^g3x|not")["logGroups"]
    assert listed == []
    assert refusal(node, "DescribeLogGroups", nextToken="x")[0] == "InvalidParameterException"


def test_streams_are_listed_by_name_or_last_event(node: TestNode) -> None:
    make(node, "g")
    for name in ("b", "a", "c"):
        node.aws("logs", "CreateLogStream", logGroupName="g", logStreamName=name)
        node.advance(10)
        events = [{"timestamp": node.clock.now_ms(), "message": name}]
        node.aws("logs", "PutLogEvents", logGroupName="g", logStreamName=name, logEvents=events)
    by_name = node.aws("logs", "DescribeLogStreams", logGroupName="g")["logStreams"]
    assert [stream["logStreamName"] for stream in by_name] == ["a", "b", "c"]
    node.advance(10)
    events = [{"timestamp": node.clock.now_ms(), "message": "b again"}]
    node.aws("logs", "PutLogEvents", logGroupName="g", logStreamName="b", logEvents=events)
    names, token = [], None
    while True:
        more = {"nextToken": token} if token else {}
        page = node.aws(
            "logs", "DescribeLogStreams", logGroupName="g", orderBy="LastEventTime", descending=True, limit=1, **more
        )
        names += [stream["logStreamName"] for stream in page["logStreams"]]
        token = page.get("nextToken")
        if token is None:
            break
    assert names == ["b", "c", "a"]
    assert by_name[2]["lastEventTimestamp"] == by_name[2]["firstEventTimestamp"] == node.clock.now_ms() - 10_000
    refused = refusal(node, "DescribeLogStreams", logGroupName="g", orderBy="LastEventTime", logStreamNamePrefix="a")
    assert refused[1] == "Cannot order by LastEventTime with a logStreamNamePrefix."


def test_a_protected_group_stays(node: TestNode) -> None:
    make(node, "g", deletionProtectionEnabled=True)
    assert refusal(node, "DeleteLogGroup", logGroupName="g")[0] == "ValidationException"
    node.aws("logs", "PutLogGroupDeletionProtection", logGroupIdentifier="g", deletionProtectionEnabled=False)
    node.aws("logs", "DeleteLogGroup", logGroupName="g")
    assert refusal(node, "DeleteLogGroup", logGroupName="g") == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )


def test_both_ways_to_tag_see_the_same_tags(node: TestNode) -> None:
    make(node, tags={"a": "1"})
    node.aws("logs", "TagResource", resourceArn=ARN, tags={"b": "2"})
    node.aws("logs", "TagLogGroup", logGroupName="/aws/lambda/f", tags={"c": "3"})
    node.aws("logs", "UntagResource", resourceArn=ARN, tagKeys=["a"])
    tags = {"b": "2", "c": "3"}
    assert node.aws("logs", "ListTagsForResource", resourceArn=ARN)["tags"] == tags
    assert node.aws("logs", "ListTagsLogGroup", logGroupName="/aws/lambda/f")["tags"] == tags


def test_a_policy_names_a_group_with_a_star_behind(node: TestNode) -> None:
    make(node)
    user = node.as_user({"Effect": "Allow", "Action": "logs:*", "Resource": f"{ARN}:*"})
    user.aws("logs", "CreateLogStream", logGroupName="/aws/lambda/f", logStreamName="s")
    events = [{"timestamp": node.clock.now_ms(), "message": "m"}]
    user.aws("logs", "PutLogEvents", logGroupName="/aws/lambda/f", logStreamName="s", logEvents=events)
    assert len(user.aws("logs", "GetLogEvents", logGroupName="/aws/lambda/f", logStreamName="s")["events"]) == 1
    assert len(user.aws("logs", "FilterLogEvents", logGroupName="/aws/lambda/f")["events"]) == 1
    for operation, parameters in (
        ("CreateLogGroup", {"logGroupName": "other"}),
        ("GetLogEvents", {"logGroupName": "other", "logStreamName": "s"}),
        ("ListTagsForResource", {"resourceArn": ARN}),
    ):
        with pytest.raises(AwsError) as refused:
            user.aws("logs", operation, **parameters)
        assert refused.value.code == "AccessDeniedException"


@pytest.mark.parametrize("operation", ["StartLiveTail", "PutSubscriptionFilter", "StartQuery", "PutResourcePolicy"])
def test_what_is_not_written_says_so(node: TestNode, operation: str) -> None:
    assert refusal(node, operation)[0] == "NotImplemented"
