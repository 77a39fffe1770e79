"""What must not lie in the store as it is (hidden parameters, what is made of them, secret keys) is sealed."""

import json
from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation.records import Resource, Stack

SEALED_FOR = "cloudformation secret"


def seal(call: Call, context: str, secrets: dict[str, Any]) -> bytes:
    return call.node.sealer.seal(json.dumps(secrets).encode(), SEALED_FOR, context.encode()) if secrets else b""


def unseal(call: Call, context: str, sealed: bytes) -> dict[str, Any]:
    return json.loads(call.node.sealer.unseal(sealed, SEALED_FOR, context.encode())) if sealed else {}


def context_of(stack: Stack, logical_id: str) -> str:
    return f"{stack.id}/{logical_id}"


def closed(call: Call, stack: Stack, resource: Resource) -> Resource:
    """As it is stored: properties that came from hidden parameters are sealed."""
    if not resource.is_hidden or not resource.properties:
        return resource
    sealed = seal(call, context_of(stack, resource.logical_id), resource.properties)
    return replace(resource, properties={}, sealed_properties=sealed)


def opened(call: Call, stack: Stack, resource: Resource) -> Resource:
    """As it is worked with."""
    if not resource.sealed_properties:
        return resource
    properties = unseal(call, context_of(stack, resource.logical_id), resource.sealed_properties)
    return replace(resource, properties=properties, sealed_properties=b"")


def secrets_of(call: Call, stack: Stack, resource: Resource) -> dict[str, Any]:
    """Those of its attributes that are."""
    return unseal(call, context_of(stack, resource.logical_id), resource.sealed)
