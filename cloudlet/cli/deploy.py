"""Deploy a CloudFormation or SAM template, local code included: cloudlet deploy template.yaml --stack-name shop.

Packages the code that the template names into a bucket, then makes a change set, executes it and shows the events.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cloudlet.cli import packaging
from cloudlet.cli.aws import Clients, botocore_exceptions, clients_of, code_of, message_of
from cloudlet.cli.failure import Failure
from cloudlet.cli.settings import add_flags, settings_of

POLL_S = 0.25
INLINE_BYTES_MAX = 51_200  # of a template in the request itself
UNCHANGED = ("didn't contain changes", "No updates are to be performed")

Say = Callable[[str], None]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("template", type=Path, help="a template in YAML or JSON")
    parser.add_argument("--stack-name", required=True, metavar="NAME")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    parser.add_argument("--capabilities", nargs="*", default=[], metavar="CAPABILITY_…", help="e.g. CAPABILITY_IAM")
    parser.add_argument("--s3-bucket", metavar="NAME", help="where packages go; by default a bucket made for it")
    add_flags(parser, "data", "host", "functions_network", "root_access_key_id", "root_secret_access_key")


def run(given: argparse.Namespace) -> int:
    parameters = dict(_parameter(text) for text in given.parameter)
    clients = clients_of(settings_of(given))
    try:
        outputs = deploy(
            clients, given.template, given.stack_name, parameters, given.capabilities, print, bucket=given.s3_bucket
        )
    except botocore_exceptions.ClientError as error:
        raise Failure(f"{error.operation_name}: {code_of(error)}: {message_of(error)}") from error
    for name, value in outputs.items():
        print(f"{name:<24} {value}")
    return 0


def _parameter(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise Failure(f"--parameter is {text!r}; expected NAME=VALUE")
    return name, value


def deploy(
    clients: Clients,
    template: Path,
    stack: str,
    parameters: Mapping[str, str],
    capabilities: Sequence[str],
    say: Say,
    *,
    bucket: str | None = None,
) -> dict[str, str]:
    """The stack's outputs, once it is as the template says; Failure if it could not be."""
    try:
        text = template.read_text()
    except OSError as error:
        raise Failure(f"cannot read {template}: {error.strerror}") from error
    store = PackageStore(clients, stack, bucket, say)
    text = packaging.packaged(text, template.parent, store.upload)
    cloudformation = clients("cloudformation")
    before = find_stack(cloudformation, stack)
    if before and before["StackStatus"] == "ROLLBACK_COMPLETE":
        raise Failure(f"the creation of stack {stack} was rolled back; delete it, then deploy again")
    exists = before is not None and before["StackStatus"] != "REVIEW_IN_PROGRESS"
    known = {each["ParameterKey"] for each in before.get("Parameters", [])} if before and exists else set()
    change_set = {
        "StackName": stack,
        "ChangeSetName": f"deploy-{time.time_ns() // 1_000_000}",
        "ChangeSetType": "UPDATE" if exists else "CREATE",
        "Parameters": _given(packaging.parameters_of(text), parameters, known),
        "Capabilities": list(capabilities),
    }
    if len(text.encode()) <= INLINE_BYTES_MAX:
        change_set["TemplateBody"] = text
    else:
        change_set["TemplateURL"] = store.url_of(text)
    seen = {event["EventId"] for event in _events(cloudformation, stack)} if exists else set()
    if _changes(cloudformation, change_set, say):
        cloudformation.execute_change_set(StackName=stack, ChangeSetName=change_set["ChangeSetName"])
        _follow(cloudformation, stack, seen, say)
    after = find_stack(cloudformation, stack) or {}
    return {each["OutputKey"]: each["OutputValue"] for each in after.get("Outputs", [])}


class PackageStore:
    """The bucket that packages are put into, made at the first need."""

    def __init__(self, clients: Clients, prefix: str, bucket: str | None, say: Say) -> None:
        self._clients, self._prefix, self._bucket, self._say = clients, prefix, bucket, say

    def upload(self, package: bytes, what: str) -> tuple[str, str]:
        key = f"{self._prefix}/{packaging.digest_of(package)}.zip"
        self._put(key, package, what)
        return self.bucket, key

    def url_of(self, template: str) -> str:
        data = template.encode()
        key = f"{self._prefix}/{packaging.digest_of(data)}.template"
        self._put(key, data, "the template")
        return f"{self._clients('s3').meta.endpoint_url}/{self.bucket}/{key}"

    @property
    def bucket(self) -> str:
        if self._bucket is None:
            account = self._clients("sts").get_caller_identity()["Account"]
            region = self._clients("s3").meta.region_name
            self._bucket = f"deploy-packages-{account}-{region}"
            self._make_bucket(self._bucket, region)
        return self._bucket

    def _make_bucket(self, name: str, region: str) -> None:
        s3 = self._clients("s3")
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            s3.head_bucket(Bucket=name)
        except botocore_exceptions.ClientError as error:
            if code_of(error) not in ("404", "NoSuchBucket"):
                raise
            s3.create_bucket(Bucket=name, **where)

    def _put(self, key: str, data: bytes, what: str) -> None:
        s3 = self._clients("s3")
        try:
            s3.head_object(Bucket=self.bucket, Key=key)
        except botocore_exceptions.ClientError as error:
            if code_of(error) not in ("404", "NoSuchKey"):
                raise
            s3.put_object(Bucket=self.bucket, Key=key, Body=data)
        self._say(f"{what} → s3://{self.bucket}/{key} ({len(data):,} bytes)")


def find_stack(cloudformation: Any, name: str) -> dict[str, Any] | None:
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except botocore_exceptions.ClientError as error:
        if "does not exist" not in message_of(error):
            raise
        return None


def _given(names: Sequence[str], given: Mapping[str, str], known: set[str]) -> list[dict[str, Any]]:
    """What was given; what wasn't, but the stack has, as it was."""
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise Failure(f"the template has no parameter {', '.join(unknown)}; it has {', '.join(names) or 'none'}")
    kept = [{"ParameterKey": name, "UsePreviousValue": True} for name in names if name in known and name not in given]
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()] + kept


def _changes(cloudformation: Any, change_set: dict[str, Any], say: Say) -> bool:
    """Make the change set; False if there is nothing to change."""
    name = {"StackName": change_set["StackName"], "ChangeSetName": change_set["ChangeSetName"]}
    cloudformation.create_change_set(**change_set)
    while (made := cloudformation.describe_change_set(**name))["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        time.sleep(POLL_S)
    if made["Status"] == "CREATE_COMPLETE":
        say(f"Change set {name['ChangeSetName']} has {len(made['Changes'])} changes")
        return True
    reason = made.get("StatusReason", "")
    cloudformation.delete_change_set(**name)
    if any(phrase in reason for phrase in UNCHANGED):
        say(f"Stack {name['StackName']} is up to date")
        return False
    raise Failure(f"the change set of {name['StackName']} failed: {reason}")


def _follow(cloudformation: Any, stack: str, seen: set[str], say: Say) -> None:
    """Show the stack's events until it rests; Failure, with the first reason, if it isn't as wished then."""
    first_reason = ""
    while True:
        status = (find_stack(cloudformation, stack) or {}).get("StackStatus", "")
        for event in reversed([event for event in _events(cloudformation, stack) if event["EventId"] not in seen]):
            seen.add(event["EventId"])
            say(_shown(event))
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason and not first_reason:
                first_reason = f"{event['LogicalResourceId']}: {reason}"
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(POLL_S)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise Failure(f"stack {stack} is {status}: {first_reason}")


def _events(cloudformation: Any, stack: str) -> Iterator[dict[str, Any]]:
    """The newest first."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack):
        yield from page["StackEvents"]


def _shown(event: dict[str, Any]) -> str:
    reason = f"  {event['ResourceStatusReason']}" if event.get("ResourceStatusReason") else ""
    return f"{event['ResourceStatus']:<28} {event['ResourceType']:<28} {event['LogicalResourceId']}{reason}"
