"""Functions under measurement: their code, how they are made and called."""

import asyncio
import base64
import io
import sys
import zipfile
from collections.abc import Mapping
from typing import Any

import msgspec

from bench.client import Client, WrongAnswer, decoded

JSON = [("content-type", "application/json")]
READY_S = 20.0
FUNCTIONS = "/2015-03-31/functions"

LOGS = {"app.py": "def handler(event, context):\n    print(event)\n    return event\n"}
IMPORTS = {"app.py": "import boto3\n\n\n" + LOGS["app.py"]}
CLIENTS = {
    "app.py": "import boto3\n\ns3 = boto3.client('s3')\ntable = boto3.resource('dynamodb').Table('bench')\n\n\n"
    + LOGS["app.py"]
}
# The least that speaks the Runtime API: what starting this costs without a node is the bare runtime.
BARE = {
    "bootstrap": f"""#!{sys.base_prefix}/bin/python3 -IS
import os, socket
host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
api = socket.create_connection((host, int(port or 80))).makefile("rwb")
def ask(method, path, body=b""):
    head = "%s /2018-06-01/runtime/invocation/%s HTTP/1.1\\r\\nHost: %s\\r\\nContent-Length: %d\\r\\n\\r\\n"
    api.write((head % (method, path, host, len(body))).encode() + body)
    api.flush()
    api.readline()
    headers = {{}}
    while (line := api.readline().strip()):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return headers, api.read(int(headers.get("content-length", 0)))
while True:
    headers, event = ask("GET", "next")
    print(event, flush=True)
    ask("POST", headers["lambda-runtime-aws-request-id"] + "/response", event)
"""
}


def package(files: Mapping[str, str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
    return held.getvalue()


async def create(client: Client, role: str, name: str, files: Mapping[str, str]) -> None:
    """Make a function and wait until it can be invoked."""
    function: dict[str, Any] = {
        "FunctionName": name,
        "Runtime": "python3.12" if "app.py" in files else "provided.al2023",
        "Handler": "app.handler",
        "Role": role,
        "Code": {"ZipFile": base64.b64encode(package(files)).decode()},
        "MemorySize": 512,
        "Timeout": 30,
    }
    await client.call(client.request("lambda", "POST", FUNCTIONS, msgspec.json.encode(function), JSON))
    for _ in range(int(READY_S / 0.05)):
        answer = await client.call(client.request("lambda", "GET", f"{FUNCTIONS}/{name}"))
        if decoded(answer).get("Configuration", {}).get("State", "Active") == "Active":
            return
        await asyncio.sleep(0.05)
    raise WrongAnswer(f"the function is not active after {READY_S:.0f} s")


def invoke(client: Client, name: str, event: Any) -> bytes:
    return client.request("lambda", "POST", f"{FUNCTIONS}/{name}/invocations", msgspec.json.encode(event), JSON)
