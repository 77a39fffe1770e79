"""Which service and protocol a request is for. Routing only: what it decides is checked against the signature's scope.

The signing name settles it for signed requests; unsigned ones are told by their target, form or host, else they are S3.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from cloudlet.kit.service import Service
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4 import Claim

# An execution environment, a host alias or AWS's own name in front of the node; the rest of the label is S3's bucket.
_S3_HOST = re.compile(
    r"(?P<bucket>.+?)\.(?:s3[.-](?:[a-z0-9-]+\.)?(?:amazonaws\.com|localhost\.localstack\.cloud)|s3\.localhost|s3\.cloudlet"
    r"|s3\.[a-z0-9-]+\.localhost|localhost|cloudlet)(?::\d+)?",
    re.ASCII,
)
_SCOPE = re.compile(r"Credential=[^,\s/]{1,128}/\d{1,8}/[A-Za-z0-9-]{1,63}/([a-z0-9-]{1,63})/aws4_request", re.ASCII)
_FORM = "application/x-www-form-urlencoded"


class Route(NamedTuple):
    service: Service
    protocol: str
    bucket_in_host: str | None = None


class Router:
    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = services
        self._by_signing_name = {service.model.signing_name: service for service in services.values()}
        self._by_target = {
            service.model.target_prefix: service for service in services.values() if service.model.target_prefix
        }
        self._by_action: dict[str, list[Service]] = {}
        for service in services.values():
            if "query" in service.model.protocols:
                for operation in service.model.operations:
                    self._by_action.setdefault(operation, []).append(service)

    def route(self, request: HttpRequest, claim: Claim | None) -> Route | None:
        """The service of a request; None where nothing tells (an unknown signing name, say)."""
        service = self._by_signing_name.get(claim.service) if claim else self._of_unsigned(request)
        if service is None:
            return None
        protocols = service.model.protocols
        if len(protocols) == 1:
            bucket = bucket_of_host(request.header("host") or "") if service.name == "s3" else None
            return Route(service, protocols[0], bucket)
        return Route(service, _protocol_spoken(request, protocols))

    def route_by_head(self, request: HttpRequest) -> Route | None:
        """Who would have got a request that the edge refused: of its headers, and nothing else, some are there."""
        scope = _SCOPE.search(request.header("authorization") or "")
        service = self._by_signing_name.get(scope[1]) if scope else None
        if service is None and request.header("x-amz-target") is not None:
            service = self._of_unsigned(request)
        return Route(service, _protocol_spoken(request, service.model.protocols)) if service is not None else None

    def _of_unsigned(self, request: HttpRequest) -> Service | None:
        target = request.header("x-amz-target")
        if target is not None:
            return self._by_target.get(target.rpartition(".")[0])
        if is_form(request) or "Action=" in request.query:
            text = request.query + "&" + request.body.decode("latin-1")
            action = re.search(r"(?:^|&)Action=([A-Za-z0-9]+)", text)
            candidates = self._by_action.get(action.group(1), []) if action else []
            if candidates:
                return candidates[0]
        if request.path.startswith("/2015-03-31/") or request.path.startswith("/2017-"):
            return self._services.get("lambda")
        return self._services.get("s3")


def is_form(request: HttpRequest) -> bool:
    return (request.header("content-type") or "").startswith(_FORM)


def _protocol_spoken(request: HttpRequest, protocols: tuple[str, ...]) -> str:
    if request.header("smithy-protocol") == "rpc-v2-cbor" and "smithy-rpc-v2-cbor" in protocols:
        return "smithy-rpc-v2-cbor"
    if request.header("x-amz-target") is not None and "json" in protocols:
        return "json"
    if "query" in protocols:
        return "query"
    return protocols[0]


def bucket_of_host(host: str) -> str | None:
    """The bucket in a virtual-host style Host, e.g. photos.s3.localhost:4566."""
    matched = _S3_HOST.fullmatch(host)
    return matched.group("bucket") if matched and matched.group("bucket") != "s3" else None
