"""The example on a node, with files of other kinds than the demo's: what is dropped ends in the table or in a mail."""

import hashlib
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudlet.cli.deploy import deploy
from cloudlet.cli.stories.stage import Stage

pytestmark = pytest.mark.slow

TEMPLATE = Path(__file__).parents[2] / "examples" / "file_transformer" / "template.yaml"
PARAMETERS = {"AdminEmail": "a@example.com", "UserField": "who", "DateFields": "when", "EventField": "what"}


class Application:
    def __init__(self, stage: Stage) -> None:
        self.stage, self.root = stage, stage.clients()
        self.outputs = deploy(self.root, TEMPLATE, "files", PARAMETERS, ["CAPABILITY_IAM"], lambda text: None)
        mail = stage.wait_until("the confirmation", lambda: self.mail("Subscription Confirmation"), 20)
        link = re.search(r"https?://\S+", mail["Text"])
        assert link is not None
        urllib.request.urlopen(link[0], timeout=10).close()

    def mail(self, subject: str) -> dict[str, Any] | None:
        mails = self.stage.call("ListMail", MaxResults=100)["Mails"]
        return next((mail for mail in mails if subject in mail["Subject"]), None)

    def drop(self, key: str, data: bytes, times: int = 1) -> dict[str, Any]:
        """What the function says it did with the file, when it has been dropped so many times."""
        self.root("s3").put_object(Bucket=self.outputs["BucketName"], Key=key, Body=data)

        def look() -> dict[str, Any] | None:
            pattern = f'{{ $.done.key = "{key}" }}'
            found = self.root("logs").filter_log_events(
                logGroupName=self.outputs["LogGroupName"], filterPattern=pattern
            )["events"]
            return json.loads(found[-1]["message"])["done"] if len(found) == times else None

        return self.stage.wait_until(f"{key} to be done", look, 20)

    def entries(self, user: str) -> list[tuple[str, str]]:
        items = self.root("dynamodb").query(
            TableName=self.outputs["TableName"],
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": {"S": user}},
        )["Items"]
        return [(item["entry"]["S"], item["event_type"]["S"]) for item in items]


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with Stage() as stage:
        stage.start_node()
        yield Application(stage)


def source(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def test_json_lines_with_fields_of_other_names(app: Application) -> None:
    lines = [{"who": "anna", "when": "2026-01-31T10:00:00Z", "what": "login"}, {"who": "bo", "when": "2026-02-01"}]
    done = app.drop("day 1/ß+1.jsonl", "\n".join(map(json.dumps, lines)).encode())
    assert (done["read"], done["written"], done["rejected"]) == (2, 1, 1)
    assert app.entries("anna") == [(f"2026-01-31#000000001#{source('day 1/ß+1.jsonl')}", "login")]


def test_records_without_a_date_are_rejected_and_the_administrator_is_told(app: Application) -> None:
    rows = "who,when,what\ncarl,2026-01-31,buy\ncarl,,buy\ncarl,31.1.2026,buy\ncarl,NA,buy\ncarl,2026-02-30,buy\n"
    done = app.drop("dates.csv", rows.encode())
    assert (done["read"], done["written"], done["rejected"]) == (5, 1, 4)
    mail = app.stage.wait_until("the mail", lambda: app.mail("4 of 5 records rejected"), 20)
    assert mail["To"] == ["a@example.com"]
    assert "4  no valid date in when" in mail["Text"] and "line 3: no valid date in when" in mail["Text"]


def test_a_file_dropped_twice_is_written_once(app: Application) -> None:
    rows = b"who,when,what\ndora,2026-01-31,buy\ndora,2026-01-31,buy\n"
    first, again = app.drop("twice.csv", rows), app.drop("twice.csv", rows, times=2)
    assert first["written"] == again["written"] == 2
    assert [entry for entry, _ in app.entries("dora")] == [
        f"2026-01-31#{line:09}#{source('twice.csv')}" for line in (2, 3)
    ]
