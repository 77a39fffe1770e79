"""The file transformer's story: deployed, used, abused, killed in the middle, and counted at the end.

All through ordinary AWS SDKs, except what AWS has nothing for: the mailbox, the clock and the kill.
"""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

from cloudlet.cli.aws import Clients, botocore_exceptions, code_of, message_of
from cloudlet.cli.deploy import deploy
from cloudlet.cli.failure import Failure
from cloudlet.cli.stories.flights import PARAMETERS, Expected, expected_of, read_flights
from cloudlet.cli.stories.observer import Observer
from cloudlet.cli.stories.stage import Stage

STACK = "flights"
ADMIN = "administrator@example.com"
FIRST, SECOND, POISONED = "2013/first.csv", "2013/second.csv", "2013/poisoned.csv"
POISON = b"\x89PNG\r\n\x1a\nnothing that a transformer of text could use"
FILE_S = 60.0  # how long one file may take
MAIL_S = 20.0
KILLED_BETWEEN = (0.2, 0.8)  # of the second file's rows
LOOKED_CLOSER_AT = 0.2


def act(stage: Stage, example: Path, data: Path, megabytes: int) -> None:
    stage.scene(f"Reading {data.name}")
    first, second = read_flights(data, megabytes)
    story = Story(stage, first, second)
    stage.say(
        f"{FIRST}: {len(first):,} bytes, {story.first.read:,} records, {story.first.rejected:,} to reject\n"
        f"{SECOND}: {len(second):,} bytes, {story.second.read:,} records, {story.second.rejected:,} to reject"
    )
    story.start()
    story.deploy(example)
    story.confirm()
    story.refuse_the_vendor()
    story.refuse_the_function()
    story.transform_first()
    story.poison()
    story.kill_in_the_middle()
    story.count_everything()
    story.summarise()


class Story:
    def __init__(self, stage: Stage, first: bytes, second: bytes) -> None:
        self.stage, self._first, self._second = stage, first, second
        self.first, self.second = expected_of(first), expected_of(second)
        self.outputs: dict[str, str] = {}
        self.done: list[dict[str, Any]] = []
        self.vendor_key = ("", "")

    # ── setting up ────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        self.stage.scene("Starting a node on an empty directory")
        seconds = self.stage.start_node()
        self.root: Clients = self.stage.clients()
        identity = self.root("sts").get_caller_identity()
        status = self.stage.call("GetStatus")
        self.stage.say(f"{self.stage.url}, ready after {seconds:.1f} s, data in {self.stage.directory}")
        if "FunctionsLevel" in status:
            self.stage.say(f"functions are isolated by {status['FunctionsLevel']}")
        self.stage.check("the node answers signed requests", identity["Arn"].endswith(":root"), identity["Arn"])

    def deploy(self, example: Path) -> None:
        self.stage.scene(f"Deploying {example.name}/template.yaml by CloudFormation, as on AWS")
        parameters = {"AdminEmail": ADMIN, **PARAMETERS}
        template = example / "template.yaml"
        self.outputs = deploy(self.root, template, STACK, parameters, ["CAPABILITY_IAM"], self._event)
        self.observer = Observer(self.root, self.outputs)
        self.stage.check("the stack is complete", bool(self.outputs), f"drop bucket {self.outputs.get('BucketName')}")

    def _event(self, text: str) -> None:
        if "_IN_PROGRESS" not in text:
            self.stage.say(text)

    def confirm(self) -> None:
        self.stage.scene("The administrator confirms the subscription by the link in the mail")
        self.stage.check(
            "until then the subscription is pending", self.observer.subscription() == "PendingConfirmation"
        )
        mail = self._mail("Subscription Confirmation")
        found = re.search(r"https?://\S+", mail["Text"])
        if found is None:
            raise Failure(f"the confirmation mail has no link:\n{mail['Text']}")
        self.stage.say(f"mail to {', '.join(mail['To'])}: {mail['Subject']}\nfollowing {found[0][:100]}…")
        with urllib.request.urlopen(found[0], timeout=10) as answer:
            answer.read()
        self.stage.check("the subscription is confirmed", self.observer.subscription().startswith("arn:"))

    def _mail(self, subject: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            mails = self.stage.call("ListMail", MaxResults=100)["Mails"]
            return next((mail for mail in mails if subject in mail["Subject"]), None)

        return self.stage.wait_until(f"a mail about {subject!r}", look, MAIL_S)

    # ── authority ─────────────────────────────────────────────────────────────────────────────────────────────────

    def refuse_the_vendor(self) -> None:
        self.stage.scene("The vendor may upload, and nothing else")
        user, bucket, table = (self.outputs[name] for name in ("VendorUserName", "BucketName", "TableName"))
        key = self.root("iam").create_access_key(UserName=user)["AccessKey"]
        self.vendor_key = (key["AccessKeyId"], key["SecretAccessKey"])
        self.root("s3").create_bucket(Bucket="somebody-elses")
        vendor = self.stage.clients(self.vendor_key)
        s3, dynamodb = vendor("s3"), vendor("dynamodb")
        for what, code, attempt in (
            ("list the bucket", "AccessDenied", lambda: s3.list_objects_v2(Bucket=bucket)),
            ("read an object", "AccessDenied", lambda: s3.get_object(Bucket=bucket, Key=FIRST)),
            ("delete an object", "AccessDenied", lambda: s3.delete_object(Bucket=bucket, Key=FIRST)),
            (
                "upload into another bucket",
                "AccessDenied",
                lambda: s3.put_object(Bucket="somebody-elses", Key=FIRST, Body=b""),
            ),
            ("read the table", "AccessDeniedException", lambda: dynamodb.scan(TableName=table)),
        ):
            self._refused(what, code, attempt)
        forged = self.stage.clients((self.vendor_key[0], "not-the-secret-of-this-key"))("s3")
        self._refused(
            "upload with a wrong secret",
            "SignatureDoesNotMatch",
            lambda: forged.put_object(Bucket=bucket, Key=FIRST, Body=b""),
        )

    def _refused(self, what: str, code: str, attempt: Any) -> None:
        try:
            attempt()
        except botocore_exceptions.ClientError as error:
            self.stage.check(f"refused to {what}: {code_of(error)}", code_of(error) == code)
            self.stage.say(message_of(error))
        else:
            self.stage.check(f"refused to {what}", False, "it was allowed")

    def refuse_the_function(self) -> None:
        self.stage.scene("The function may write the table, not read it: it tries, and reports")
        answer = self.root("lambda").invoke(
            FunctionName=self.outputs["FunctionName"], Payload=json.dumps({"probe": "read-table"})
        )
        told = json.load(answer["Payload"])
        code = told.get("code", told.get("errorType", ""))
        refused = told.get("allowed") is False and code == "AccessDeniedException"
        self.stage.check(f"the function was refused: {code}", refused)
        self.stage.say(told.get("message", str(told)))

    # ── the work ──────────────────────────────────────────────────────────────────────────────────────────────────

    def upload(self, key: str, data: bytes) -> None:
        self.stage.clients(self.vendor_key)("s3").put_object(Bucket=self.outputs["BucketName"], Key=key, Body=data)
        self.stage.say(f"the vendor uploaded {key}")

    def transform_first(self) -> None:
        self.stage.scene(f"The vendor uploads {FIRST}; the upload starts the function")
        self.upload(FIRST, self._first)

        def look() -> dict[str, Any] | None:
            done = self.observer.done(FIRST)
            if done is None:
                self.stage.say(f"about {self.observer.rows_about():,} of {self.first.written:,} rows are in the table")
            return done

        done = self.stage.wait_until(f"{FIRST} to be done", look, FILE_S, poll_s=1.5)
        self._compare(FIRST, done, self.first)
        mail = self._mail("records rejected")
        self.stage.say(f"mail to {', '.join(mail['To'])}: {mail['Subject']}")
        self.stage.say("\n".join(mail["Text"].strip().splitlines()[:6]))
        counted = f"{self.first.rejected} of {self.first.read} records rejected"
        self.stage.check("the mail tells how many were rejected", mail["Subject"] == counted)

    def _compare(self, key: str, done: dict[str, Any], expected: Expected) -> None:
        self.done.append(done)
        told = (done["read"], done["written"], done["rejected"])
        self.stage.check(
            f"read, written and rejected of {key} equal our own count of the file",
            told == (expected.read, expected.written, expected.rejected),
            f"{told[0]:,}, {told[1]:,}, {told[2]:,} in {done['seconds']:.1f} s",
        )

    def poison(self) -> None:
        self.stage.scene("A poisoned file makes the function fail: tried three times, kept, and the alarm is raised")
        self.upload(POISONED, POISON)
        for attempt, minutes in ((1, 1), (2, 2), (3, 0)):
            look = lambda attempt=attempt: self.observer.failures() == attempt or None  # noqa: E731
            self.stage.wait_until(f"failure {attempt}", look, 20)
            self.stage.say(f"failure {attempt} of 3 is in the log")
            if minutes:
                self.stage.say(f"moving the node's clock by {minutes} min, when Lambda tries again")
                self.stage.call("AdvanceClock", Milliseconds=minutes * 60_000)
        letter = self.stage.wait_until("the dead letter", self.observer.dead_letter, 20)
        key = json.loads(letter["Body"])["Records"][0]["s3"]["object"]["key"]
        why = letter.get("MessageAttributes", {}).get("ErrorMessage", {}).get("StringValue", "")
        self.stage.check("the event is in the dead-letter queue", key == POISONED, why)
        self._raise_alarm()

    def _raise_alarm(self) -> None:
        for _ in range(3):
            if self.observer.alarm() == "ALARM":
                break
            self.stage.say("moving the node's clock by 1 min, so that the alarm looks at the last one")
            self.stage.call("AdvanceClock", Milliseconds=60_000)
        self.stage.check("the alarm is raised", self.observer.alarm() == "ALARM", self.outputs["AlarmName"])
        mail = self._mail("ALARM")
        self.stage.check("the administrator has a mail about it", ADMIN in mail["To"], mail["Subject"])

    def kill_in_the_middle(self) -> None:
        self.stage.scene(f"In the middle of {SECOND} the node is killed with SIGKILL")
        before, wanted = self.first.written, self.second.written
        about = self.observer.rows_about()
        self.upload(SECOND, self._second)

        def look() -> int | None:
            if self.observer.rows_about() - about < LOOKED_CLOSER_AT * wanted:
                return None
            rows = self.observer.rows() - before
            return rows if rows > KILLED_BETWEEN[0] * wanted else None

        rows = self.stage.wait_until("the second file's first rows", look, FILE_S, poll_s=0.05)
        pid = self.stage.pid
        self.stage.kill_node()
        share = rows / wanted
        self.stage.say(f"a Scan saw {rows:,} of {wanted:,} rows, then pid {pid} was killed")
        low, high = KILLED_BETWEEN
        self.stage.check(f"that was at {low:.0%} to {high:.0%} of the work", low <= share <= high, f"{share:.0%}")
        seconds = self.stage.start_node()
        self.stage.say(f"started again: pid {self.stage.pid}, ready after {seconds:.1f} s")
        rows = self.observer.rows() - before
        self.stage.say(f"a Scan sees {rows:,} of {wanted:,} rows; nobody does anything about it")
        done = self.stage.wait_until(f"{SECOND} to be done", lambda: self.observer.done(SECOND), FILE_S)
        self._compare(SECOND, done, self.second)

    # ── the reckoning ─────────────────────────────────────────────────────────────────────────────────────────────

    def count_everything(self) -> None:
        self.stage.scene("Counting everything")
        written = sum(done["written"] for done in self.done)
        users, events = self.observer.table()
        rows = users.total()
        self.stage.check(
            "a full Scan finds what the function says it wrote", rows == written, f"{rows:,} = {written:,}"
        )
        expected = self.first.users + self.second.users
        self.stage.check(
            "every user has the records that the files have",
            users == expected,
            f"{len(users):,} users, {rows:,} records",
        )
        by_kind = self.first.events + self.second.events
        shown = ", ".join(f"{count:,} {kind}" for kind, count in events.most_common())
        self.stage.check("every kind of event is there as often as in the files", events == by_kind, shown)
        self._query(*expected.most_common(1)[0])
        namespace = self.outputs["MetricsNamespace"]
        for name, wanted in (
            ("Read", self.first.read + self.second.read),
            ("Written", written),
            ("Rejected", self.first.rejected + self.second.rejected),
        ):
            seen = self.observer.metric(namespace, name)
            self.stage.check(f"the metric {namespace}/{name} says the same", seen == wanted, f"{seen:,.0f}")

    def _query(self, user: str, count: int) -> None:
        records = self.observer.records_of(user)
        self.stage.check(f"a Query finds the records of {user}", len(records) == count, f"{len(records)}")
        for item in records[:3]:
            self.stage.say(f"{item['user_id']['S']}  {item['date']['S']}  {item['event_type']['S']}")

    def summarise(self) -> None:
        self.stage.scene("What there is to see")
        function = self.outputs["FunctionName"]
        for name in ("Invocations", "Errors", "Duration"):
            total = self.observer.metric("AWS/Lambda", name, FunctionName=function)
            self.stage.say(f"AWS/Lambda {name:<12} {total:,.0f}{' ms' if name == 'Duration' else ''}")
        self.stage.say("mail:")
        for mail in reversed(self.stage.call("ListMail", MaxResults=100)["Mails"]):
            self.stage.say(f"  {', '.join(mail['To'])}: {mail['Subject']}")
        data = self.stage.directory
        where = "the node stays up" if self.stage.keep else "run it again with --keep, and the node stays up for"
        self.stage.say(
            f"To look further, {where}:\n"
            f"  ./scripts/cloudlet logs {function} --data {data}\n"
            f"  ./scripts/cloudlet mail --data {data}\n"
            f"  ./scripts/cloudlet status --data {data}"
        )
        if self.stage.keep:
            self.stage.say(
                "and with any AWS tool:\n"
                + "\n".join(f"  export {name}={value}" for name, value in self.stage.exports().items())
            )
            self.stage.say(f"./scripts/cloudlet down --data {data} stops it.")
        held = "Everything held" if not self.stage.broken else f"{len(self.stage.broken)} claims did NOT hold"
        print(f"\n{held}, after {self.stage.seconds:.0f} s.", flush=True)
