"""Calls a node's own service (/_cloudlet/), signed like any AWS call."""

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

from cloudlet.app.run_file import find_running
from cloudlet.base.config import Settings
from cloudlet.cli.failure import Failure
from cloudlet.cli.running import root_key_of
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4 import sign

ANSWER_S = 600  # moving the clock runs all that becomes due on the way
REGION = "us-east-1"
TARGET = "Cloudlet_20261124"


class NodeClient:
    def __init__(self, url: str, key_id: str, secret: str) -> None:
        self.url, self.key_id, self.secret = url, key_id, secret

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer; Failure with the node's own words if it refuses."""
        address = urlsplit(self.url)
        request = own_request(operation, parameters, address.netloc, self.key_id, self.secret, time.time_ns() // 10**6)
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=ANSWER_S)
        try:
            connection.request("POST", request.path, request.body, dict(request.headers))
            response = connection.getresponse()
            answer = json.loads(response.read() or b"{}")
        except OSError as error:
            raise Failure(f"the node at {self.url} does not answer: {error}") from error
        finally:
            connection.close()
        if response.status >= 300:
            raise Failure(f"{operation}: {answer.get('__type', response.status)}: {answer.get('message', '')}")
        return answer


def own_request(
    operation: str, parameters: dict[str, Any], host: str, key_id: str, secret: str, wall_ms: int
) -> HttpRequest:
    """A signed request to the node's own service."""
    headers = [
        ("host", host),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", f"{TARGET}.{operation}"),
    ]
    request = HttpRequest("POST", "/_cloudlet/", "", headers, json.dumps(parameters).encode())
    request.headers += sign(
        request, access_key_id=key_id, secret=secret, region=REGION, service="cloudlet", wall_ms=wall_ms
    )
    return request


def client_of(settings: Settings) -> NodeClient:
    """A client, with the root key, of the node that serves the data directory."""
    running = find_running(settings)
    if running is None:
        raise Failure(f"no node serves {settings.data}; start one: cloudlet up --data {settings.data}")
    return NodeClient(running.url, *root_key_of(settings, running))
