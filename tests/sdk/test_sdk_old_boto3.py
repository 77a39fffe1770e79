"""boto3 of 2023 against a node, over HTTP and TLS: SQS in the query protocol, which older SDKs still speak."""

import subprocess
from pathlib import Path

from tests.sdk.other_clients import old_boto3
from tests.sdk.served import ServedNode

SCRIPT = Path(__file__).parent / "old_boto3_sqs.py"
GUARD_S = 30


def test_sqs(served: ServedNode, scheme: str) -> None:
    python = old_boto3.required() / "bin" / "python"
    ended = subprocess.run(
        [str(python), "-I", "-W", "ignore", str(SCRIPT), f"old-{scheme}", served.url(scheme)],
        env=served.environment(scheme),
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout}{ended.stderr}\n{served.log[-2000:]}"
