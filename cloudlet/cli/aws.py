"""boto3 clients for the commands that speak AWS's own APIs.

Where AWS_ENDPOINT_URL is set, the environment says who asks whom, as for any AWS tool; else the node that serves the
data directory is asked, with its root key.
"""

import os
from collections.abc import Callable
from typing import Any

from cloudlet.base.config import Settings
from cloudlet.base.lazy import lazy
from cloudlet.cli.client import REGION, client_of

boto3 = lazy("boto3")
botocore_config = lazy("botocore.config")
botocore_exceptions = lazy("botocore.exceptions")

Clients = Callable[[str], Any]  # of a service, by its name


def clients_of(settings: Settings) -> Clients:
    if "AWS_ENDPOINT_URL" in os.environ:
        return lambda service: boto3.client(service, config=_config())
    node = client_of(settings)
    return clients_with(node.url, node.key_id, node.secret)


def clients_with(url: str, key_id: str, secret: str, region: str = REGION) -> Clients:
    """Each service's client is made once."""
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(
                service, endpoint_url=url, region_name=region, aws_access_key_id=key_id, aws_secret_access_key=secret,
                config=_config(),
            )  # fmt: skip
        return made[service]

    return client


def _config() -> Any:
    return botocore_config.Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=60)


def code_of(error: Any) -> str:
    """The error code of a ClientError, e.g. AccessDenied."""
    return error.response["Error"]["Code"]


def message_of(error: Any) -> str:
    return error.response["Error"].get("Message", "")
