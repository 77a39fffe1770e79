"""The AWS SDK for JavaScript v3, over HTTP and TLS; each script in javascript/ is a scenario that asserts by itself."""

import itertools
import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sdk.other_clients import javascript
from tests.sdk.served import BUCKET_IN_HOST, ServedNode

SCRIPTS = Path(__file__).parent / "javascript"
GUARD_S = 30
HANDLER = """
import os

def handler(event, context):
    print("asked by", event["who"])
    return {"said": f"{os.environ['GREETING']} {event['who']}"}
"""

Run = Callable[..., None]
numbers = itertools.count()


@pytest.fixture
def name() -> str:
    return f"js-{next(numbers)}"


@pytest.fixture
def run(served: ServedNode, scheme: str) -> Run:
    """Runs a script with its arguments against the node; it must say nothing and succeed."""
    sdk = javascript.required()

    def run_script(script: str, *arguments: str, **environment: str) -> None:
        ended = subprocess.run(
            ["node", "--no-warnings", str(SCRIPTS / script), *arguments],
            env=served.environment(scheme) | {"SDK_DIRECTORY": str(sdk)} | environment,
            capture_output=True,
            text=True,
            timeout=GUARD_S,
            check=False,
        )
        assert ended.returncode == 0, f"{ended.stdout}{ended.stderr}\n{served.log[-2000:]}"

    return run_script


def test_s3_objects(run: Run, name: str) -> None:
    run("s3_objects.mjs", name)


def test_s3_uploads_in_parts(run: Run, name: str) -> None:
    run("s3_multipart.mjs", name)


def test_s3_finds_the_bucket_in_the_host(run: Run) -> None:
    run("s3_hosts.mjs", BUCKET_IN_HOST)


def test_sqs(run: Run, name: str) -> None:
    run("sqs_queues.mjs", name)


def test_dynamodb(run: Run, name: str) -> None:
    run("dynamodb_tables.mjs", name)


@pytest.mark.parametrize("protocol", ["cbor", "json", "query"])
def test_cloudwatch_in_each_of_its_protocols(run: Run, name: str, protocol: str) -> None:
    run("cloudwatch_metrics.mjs", name, protocol)


def test_bad_keys_are_refused_in_each_protocol(run: Run) -> None:
    run("authority.mjs")


def test_a_roles_temporary_keys_reach_as_far_as_its_policy(run: Run, name: str, served: ServedNode) -> None:
    iam, statement = served.client("iam"), {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    user = iam.create_user(UserName=name)["User"]["Arn"]
    document = {"Version": "2012-10-17", "Statement": [statement]}
    trust = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}
    given = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(document | {"Statement": [trust]})}
    role = iam.create_role(**given)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    sts = served.client("sts", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    keys = sts.assume_role(RoleArn=role, RoleSessionName="job")["Credentials"]
    run(
        "temporary_keys.mjs",
        AWS_ACCESS_KEY_ID=keys["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=keys["SecretAccessKey"],
        AWS_SESSION_TOKEN=keys["SessionToken"],
    )


def test_lambda(run: Run, name: str, served: ServedNode, tmp_path: Path) -> None:
    package = tmp_path / "code.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", HANDLER)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = served.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    run("lambda_functions.mjs", name, role, str(package))
