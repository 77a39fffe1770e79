"""Stacks: created, some updated, some deleted; in the end all of a stack is there, or nothing."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cloudlet.base.errors import AwsError
from tests.crash.subjects.functions import ROLE
from tests.crash.subjects.subject import Aws, Effect, Found, Worker, missing, pages, unasked

PREFIX = "stack-"
PAUSE_S = 0.02
WAIT_S = 10
CREATED, UPDATED = "CREATE_COMPLETE", "UPDATE_COMPLETE"


@dataclass
class Stacks:
    created: Effect = field(default_factory=Effect)
    updated: Effect = field(default_factory=Effect)
    deleted: Effect = field(default_factory=Effect)
    reached: dict[str, str] = field(default_factory=dict)  # the last state that an answer showed

    def furnish(self, aws: Aws) -> None:
        pass

    def works(self) -> list[Callable[[Worker], None]]:
        return [self.deploy]

    def events(self) -> Effect:
        return Effect()

    def deploy(self, worker: Worker) -> None:
        name = f"{PREFIX}{worker.run}-{worker.number}"
        asked = {"StackName": name, "TemplateBody": template(name)}
        worker.effect(self.created, [name], "cloudformation", "CreateStack", **asked)
        self._wait(worker, name, CREATED)
        if worker.chance.random() < 0.5:
            asked["TemplateBody"] = template(name, more=True)
            worker.effect(self.updated, [name], "cloudformation", "UpdateStack", **asked)
            self._wait(worker, name, UPDATED)
        if worker.chance.random() < 0.6:
            worker.effect(self.deleted, [name], "cloudformation", "DeleteStack", StackName=name)
            self._wait(worker, name, "gone")

    def _wait(self, worker: Worker, name: str, wanted: str) -> None:
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            time.sleep(PAUSE_S)
            try:
                state = worker.aws("cloudformation", "DescribeStacks", StackName=name)["Stacks"][0]["StackStatus"]
            except AwsError as error:
                assert "does not exist" in error.message, error
                state = "gone"
            if state == wanted:
                self.reached[name] = state
                return
            if not state.endswith("_IN_PROGRESS"):
                worker.fail(f"stack {name} is {state}, not {wanted}")
                return
        worker.fail(f"stack {name} is not {wanted} after {WAIT_S} s")

    def violations(self, found: Found) -> Iterator[str]:
        more = ("NextToken", "NextToken")
        listed = pages(found.aws, "cloudformation", "DescribeStacks", "Stacks", *more)
        states = {one["StackName"]: one["StackStatus"] for one in listed}
        yield from missing("stack", self.created.done - self.deleted.tried, set(states))
        yield from unasked("stack", self.created.tried - self.deleted.done, set(states))
        for name, state in states.items():
            possible = {CREATED} - {CREATED for _ in [0] if name in self.updated.done}
            possible |= {UPDATED} if name in self.updated.tried else set()
            if state not in possible:
                yield f"stack {name} is {state}, not {' or '.join(sorted(possible))}"
        expected = set(states) | {f"{name}-more" for name, state in states.items() if state == UPDATED}
        queues = {url.rpartition("/")[2] for url in all_queues(found.aws)}
        yield from missing("a stack's queue", expected, queues)
        yield from unasked("a stack's queue", expected, queues)
        for kind, names in _others(found.aws):
            ours = {one for one in names if one.startswith(PREFIX)}
            yield from missing(f"a stack's {kind}", set(states), ours)
            yield from unasked(f"a stack's {kind}", set(states), ours)


def all_queues(aws: Aws) -> Iterator[str]:
    more = ("NextToken", "NextToken")
    return pages(aws, "sqs", "ListQueues", "QueueUrls", *more, QueueNamePrefix=PREFIX, MaxResults=1000)


def _others(aws: Aws) -> Iterator[tuple[str, list[str]]]:
    topics = pages(aws, "sns", "ListTopics", "Topics", "NextToken", "NextToken")
    yield "topic", [one["TopicArn"].rpartition(":")[2] for one in topics]
    subscriptions = pages(aws, "sns", "ListSubscriptions", "Subscriptions", "NextToken", "NextToken")
    yield "subscription", [one["Endpoint"].rpartition(":")[2] for one in subscriptions]
    tables = pages(aws, "dynamodb", "ListTables", "TableNames", "LastEvaluatedTableName", "ExclusiveStartTableName")
    yield "table", list(tables)
    functions = pages(aws, "lambda", "ListFunctions", "Functions", "NextMarker", "Marker")
    yield "function", [one["FunctionName"] for one in functions]


def template(name: str, more: bool = False) -> str:
    """A queue, its topic, a table, a function: some are made at once, some step by step."""
    resources: dict[str, Any] = {
        "Queue": _resource("SQS::Queue", QueueName=name),
        "Topic": _resource("SNS::Topic", TopicName=name),
        "Subscription": _resource(
            "SNS::Subscription",
            Protocol="sqs",
            TopicArn={"Ref": "Topic"},
            Endpoint={"Fn::GetAtt": ["Queue", "Arn"]},
        ),
        "Table": _resource(
            "DynamoDB::Table",
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        ),
        "Function": _resource(
            "Lambda::Function",
            FunctionName=name,
            Runtime="python3.11",
            Handler="index.handler",
            Role=ROLE,
            Code={"ZipFile": "def handler(event, context): pass"},
        ),
    }
    if more:
        resources["More"] = _resource("SQS::Queue", QueueName=f"{name}-more")
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}
