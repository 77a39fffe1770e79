"""What can be seen of the file transformer from outside, by the administrator: log, table, metrics, mail, alarm."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudlet.cli.aws import Clients

SEGMENTS = 20


class Observer:
    def __init__(self, clients: Clients, outputs: dict[str, str]) -> None:
        self._clients, self._outputs = clients, outputs

    def done(self, key: str) -> dict[str, Any] | None:
        """What the function says it did with a file, once it has finished it."""
        for event in self._log('"done"'):
            done = json.loads(event["message"])["done"]
            if done["key"] == key:
                return done
        return None

    def failures(self) -> int:
        """How many times the function failed with a file that it couldn't read."""
        return sum("[ERROR]" in event["message"] for event in self._log('"BadFile"'))

    def _log(self, pattern: str) -> list[dict[str, Any]]:
        pages = self._clients("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=self._outputs["LogGroupName"], filterPattern=pattern)
        return [event for page in found for event in page["events"]]

    def rows(self) -> int:
        """How many items a whole Scan of the table finds."""
        pages = self._clients("dynamodb").get_paginator("scan")
        return sum(page["Count"] for page in pages.paginate(TableName=self._outputs["TableName"], Select="COUNT"))

    def rows_about(self) -> int:
        """How many there may be, judged by a small part of the table: a whole Scan would slow down what it looks at."""
        pages = self._clients("dynamodb").get_paginator("scan")
        part = {"Segment": 0, "TotalSegments": SEGMENTS}
        found = pages.paginate(TableName=self._outputs["TableName"], Select="COUNT", **part)
        return SEGMENTS * sum(page["Count"] for page in found)

    def table(self) -> tuple[Counter[str], Counter[str]]:
        """How many items each user has, and each kind of event, by a whole Scan."""
        users: Counter[str] = Counter()
        events: Counter[str] = Counter()
        for page in self._clients("dynamodb").get_paginator("scan").paginate(TableName=self._outputs["TableName"]):
            for item in page["Items"]:
                users[item["user_id"]["S"]] += 1
                events[item["event_type"]["S"]] += 1
        return users, events

    def records_of(self, user: str) -> list[dict[str, Any]]:
        found = (
            self._clients("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._outputs["TableName"],
                KeyConditionExpression="user_id = :user",
                ExpressionAttributeValues={":user": {"S": user}},
            )
        )
        return [item for page in found for item in page["Items"]]

    def metric(self, namespace: str, name: str, **dimensions: str) -> float:
        """The sum of all that was ever reported."""
        start = datetime.now(UTC) - timedelta(hours=1)
        answer = self._clients("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=start,
            EndTime=start + timedelta(hours=3),  # the node's clock may be moved
            Period=60,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in answer["Datapoints"])

    def alarm(self) -> str:
        found = self._clients("cloudwatch").describe_alarms(AlarmNames=[self._outputs["AlarmName"]])
        return found["MetricAlarms"][0]["StateValue"]

    def dead_letter(self) -> dict[str, Any] | None:
        answer = self._clients("sqs").receive_message(
            QueueUrl=self._outputs["DeadLetterQueueUrl"], MessageAttributeNames=["All"], WaitTimeSeconds=1
        )
        return next(iter(answer.get("Messages", [])), None)

    def subscription(self) -> str:
        """The administrator's, or PendingConfirmation."""
        found = self._clients("sns").list_subscriptions_by_topic(TopicArn=self._outputs["TopicArn"])
        return found["Subscriptions"][0]["SubscriptionArn"]
