"""The example's policies, held against the node's own trace of decisions: with the one Allow added that a refusal
lacks, that decision flips and no other does; so with the one Allow taken away that a permission rests on.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudlet.cli.deploy import deploy
from cloudlet.cli.stories.stage import Stage

pytestmark = pytest.mark.slow

TEMPLATE = Path(__file__).parents[2] / "examples" / "file_transformer" / "template.yaml"
FILE = b"user_id,date,event_type\nanna,2026-01-31,login\n,2026-01-31,login\n"  # the second record is rejected
ACCOUNT = "000000000000"
OTHER_BUCKET = "somebody-elses"

Decisions = dict[str, bool]  # "action resource", or "action" where one thing is all it can concern


class Application:
    """The example, deployed; whoever acts in it can be made to act, and what was decided can be read."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.root = stage, stage.clients()
        self.outputs = deploy(
            self.root, TEMPLATE, "files", {"AdminEmail": "a@example.com"}, ["CAPABILITY_IAM"], lambda text: None
        )
        self.bucket, self.table, self.function, self.user = (
            self.outputs[name] for name in ("BucketName", "TableName", "FunctionName", "VendorUserName")
        )
        self.role = self.physical("FunctionRole")
        self.root("s3").create_bucket(Bucket=OTHER_BUCKET)
        self.root("s3").put_object(Bucket=self.bucket, Key="kept.csv", Body=FILE)
        key = self.root("iam").create_access_key(UserName=self.user)["AccessKey"]
        self.vendor = stage.clients((key["AccessKeyId"], key["SecretAccessKey"]))
        self._rounds = 0

    def physical(self, logical_id: str) -> str:
        answer = self.root("cloudformation").describe_stack_resource(StackName="files", LogicalResourceId=logical_id)
        return answer["StackResourceDetail"]["PhysicalResourceId"]

    def trace(self, principal: str) -> list[dict[str, Any]]:
        """What was decided about a principal, the newest first."""
        return self.stage.call("ListDecisions", MaxResults=1000, Principal=principal)["Decisions"]

    def decided(self, principal: str, act: Callable[[], Any], expected: set[str], *, by_resource: bool) -> Decisions:
        """What is decided about the principal while it acts, until all that is expected was."""
        before = len(self.trace(principal))
        act()

        def look() -> Decisions | None:
            trace = self.trace(principal)
            decisions = {}
            for decision in trace[: len(trace) - before]:
                action = decision["Action"].replace("SNS:", "sns:")  # AWS spells it so
                decisions[f"{action} {decision['Resource']}" if by_resource else action] = decision["Allowed"]
            return decisions if expected <= {what.partition(" ")[0] for what in decisions} else None

        return self.stage.wait_until(f"decisions about {sorted(expected)}", look, 20)

    # ── the vendor ────────────────────────────────────────────────────────────────────────────────────────────────

    def vendor_acts(self) -> Decisions:
        s3 = self.vendor("s3")
        attempts: tuple[Callable[[], Any], ...] = (
            lambda: s3.put_object(Bucket=self.bucket, Key="f.csv", Body=FILE),
            lambda: s3.list_objects_v2(Bucket=self.bucket),
            lambda: s3.get_object(Bucket=self.bucket, Key="f.csv"),
            lambda: s3.delete_object(Bucket=self.bucket, Key="f.csv"),
            lambda: s3.put_object(Bucket=OTHER_BUCKET, Key="f.csv", Body=FILE),
            lambda: self.vendor("dynamodb").scan(TableName=self.table),
        )

        def act() -> None:
            self.root("s3").put_object(Bucket=self.bucket, Key="f.csv", Body=FILE)  # so that there is one to read
            for attempt in attempts:
                try:
                    attempt()
                except ClientError as error:
                    assert error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"), error

        return self.decided(
            f"arn:aws:iam::{ACCOUNT}:user/{self.user}", act, {"s3:PutObject", "dynamodb:Scan"}, by_resource=True
        )

    # ── the function ──────────────────────────────────────────────────────────────────────────────────────────────

    def function_acts(self, removed: str = "") -> Decisions:
        """A file with a reject, a probe, and an event that fails until it is a dead letter, in a new environment."""
        self._rounds += 1
        lambda_ = self.root("lambda")
        lambda_.update_function_configuration(FunctionName=self.function, Description=f"round {self._rounds}")
        lambda_.get_waiter("function_updated_v2").wait(FunctionName=self.function)
        event = {"Records": [{"s3": {"bucket": {"name": self.bucket}, "object": {"key": "kept.csv"}}}]}
        self.root("s3").put_object(Bucket=OTHER_BUCKET, Key="f.csv", Body=FILE)

        def act() -> None:
            lambda_.invoke(FunctionName=self.function, Payload=json.dumps(event))
            lambda_.invoke(FunctionName=self.function, Payload=json.dumps({"probe": "read-table"}))
            broken = json.dumps({"Records": [{}]})
            lambda_.invoke(FunctionName=self.function, InvocationType="Event", Payload=broken)
            for _ in range(2):
                self.stage.call("AdvanceClock", Milliseconds=125_000)

        reached = set(PERMISSIONS) | {"dynamodb:GetItem"}
        for action, unreached in ENDS_THE_RUN.items():
            if action == removed:
                reached -= unreached
        session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{self.role}/{self.function}"
        return self.decided(session, act, reached, by_resource=False)

    def role_policy(self) -> dict[str, Any]:
        return self.root("iam").get_role_policy(RoleName=self.role, PolicyName="transform")["PolicyDocument"]

    def put_role_policy(self, name: str, document: dict[str, Any]) -> None:
        self.root("iam").put_role_policy(RoleName=self.role, PolicyName=name, PolicyDocument=json.dumps(document))


PERMISSIONS = (
    "s3:GetObject", "dynamodb:BatchWriteItem", "sns:Publish", "cloudwatch:PutMetricData", "logs:CreateLogStream",
    "logs:PutLogEvents", "sqs:SendMessage",
)  # fmt: skip
ENDS_THE_RUN = {  # without it, the function fails before it gets to these
    "s3:GetObject": {"dynamodb:BatchWriteItem", "cloudwatch:PutMetricData", "sns:Publish"},
    "dynamodb:BatchWriteItem": {"cloudwatch:PutMetricData", "sns:Publish"},
    "cloudwatch:PutMetricData": {"sns:Publish"},
    "logs:PutLogEvents": {"logs:CreateLogStream"},
}


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with Stage() as stage:
        stage.start_node()
        yield Application(stage)


def allowing(action: str, resource: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def flips(before: Decisions, after: Decisions) -> dict[str, bool]:
    """What was decided differently, of what was asked both times."""
    return {what: after[what] for what in before.keys() & after.keys() if before[what] != after[what]}


def test_the_vendor_may_upload_and_nothing_else(app: Application) -> None:
    bucket = f"arn:aws:s3:::{app.bucket}"
    assert app.vendor_acts() == {
        f"s3:PutObject {bucket}/f.csv": True,
        f"s3:ListBucket {bucket}": False,
        f"s3:GetObject {bucket}/f.csv": False,
        f"s3:DeleteObject {bucket}/f.csv": False,
        f"s3:PutObject arn:aws:s3:::{OTHER_BUCKET}/f.csv": False,
        f"dynamodb:Scan arn:aws:dynamodb:us-east-1:000000000000:table/{app.table}": False,
    }


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:ListBucket", "arn:aws:s3:::{bucket}"),
        ("s3:GetObject", "arn:aws:s3:::{bucket}/f.csv"),
        ("s3:DeleteObject", "arn:aws:s3:::{bucket}/f.csv"),
        ("s3:PutObject", f"arn:aws:s3:::{OTHER_BUCKET}/f.csv"),
        ("dynamodb:Scan", "arn:aws:dynamodb:us-east-1:000000000000:table/{table}"),
    ],
)
def test_each_of_the_vendors_refusals_lacks_one_allow(app: Application, action: str, resource: str) -> None:
    resource = resource.format(bucket=app.bucket, table=app.table)
    before = app.vendor_acts()
    policy = {"UserName": app.user, "PolicyName": "added"}
    app.root("iam").put_user_policy(**policy, PolicyDocument=json.dumps(allowing(action, resource)))
    try:
        assert flips(before, app.vendor_acts()) == {f"{action} {resource}": True}
    finally:
        app.root("iam").delete_user_policy(**policy)


def test_the_vendors_upload_rests_on_its_one_allow(app: Application) -> None:
    before = app.vendor_acts()
    policy = {"UserName": app.user, "PolicyName": "upload"}
    document = app.root("iam").get_user_policy(**policy)["PolicyDocument"]
    app.root("iam").delete_user_policy(**policy)
    try:
        assert flips(before, app.vendor_acts()) == {f"s3:PutObject arn:aws:s3:::{app.bucket}/f.csv": False}
    finally:
        app.root("iam").put_user_policy(**policy, PolicyDocument=json.dumps(document))


def test_the_function_may_what_it_needs_but_not_read_the_table(app: Application) -> None:
    assert app.function_acts() == dict.fromkeys(PERMISSIONS, True) | {"dynamodb:GetItem": False}


def test_reading_the_table_lacks_one_allow(app: Application) -> None:
    before = app.function_acts()
    app.put_role_policy("added", allowing("dynamodb:GetItem", f"arn:aws:dynamodb:*:*:table/{app.table}"))
    try:
        assert flips(before, app.function_acts()) == {"dynamodb:GetItem": True}
    finally:
        app.root("iam").delete_role_policy(RoleName=app.role, PolicyName="added")


@pytest.mark.parametrize("action", PERMISSIONS)
def test_each_of_the_functions_permissions_rests_on_its_one_allow(app: Application, action: str) -> None:
    before, document = app.function_acts(), app.role_policy()
    app.put_role_policy("transform", without(document, action))
    try:
        assert flips(before, app.function_acts(removed=action)) == {action: False}
    finally:
        app.put_role_policy("transform", document)


def without(document: dict[str, Any], action: str) -> dict[str, Any]:
    statements = []
    for statement in document["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        kept = [each for each in actions if each != action]
        if kept:
            statements.append(statement | {"Action": kept})
    return document | {"Statement": statements}


def test_the_alarms_mail_rests_on_the_topics_one_allow(app: Application) -> None:
    topic, alarm, sns = app.outputs["TopicArn"], app.outputs["AlarmName"], app.root("sns")

    def raised() -> Decisions:
        def act() -> None:
            for state in ("OK", "ALARM"):
                app.root("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="test")

        return app.decided("cloudwatch.amazonaws.com", act, {"sns:Publish"}, by_resource=True)

    policy = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    before = raised()
    statement = json.loads(policy)["Statement"][0] | {"Action": "sns:GetTopicAttributes"}
    other = json.dumps(json.loads(policy) | {"Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=other)
    try:
        assert flips(before, raised()) == {f"sns:Publish {topic}": False}
    finally:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


def test_the_uploads_call_of_the_function_rests_on_its_one_permission(app: Application) -> None:
    lambda_ = app.root("lambda")

    def uploaded() -> Decisions:
        def act() -> None:
            app.root("s3").put_object(Bucket=app.bucket, Key="f.csv", Body=FILE)

        return app.decided("s3.amazonaws.com", act, {"lambda:InvokeFunction"}, by_resource=False)

    before = uploaded()
    (statement,) = json.loads(lambda_.get_policy(FunctionName=app.function)["Policy"])["Statement"]
    lambda_.remove_permission(FunctionName=app.function, StatementId=statement["Sid"])
    assert flips(before, uploaded()) == {"lambda:InvokeFunction": False}
