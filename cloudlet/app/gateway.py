"""A request's life: route, match, authenticate, read the body, parse, authorise, handle, settle, render.

Nothing leaves before what it rests on is durable: an error waits for its horizon as an answer does.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from cloudlet.app.authenticate import DEFAULT_ACCOUNT, RootKeys, identify
from cloudlet.app.loop_watch import LoopWatch
from cloudlet.app.request_body import BodyTooLarge, NodeFull
from cloudlet.app.routing import Route, Router, is_form
from cloudlet.app.unpacking import unpacked
from cloudlet.app.upload import decoded_body, verified_stream
from cloudlet.base import ids, pieces
from cloudlet.base.checksums import HASHED_IN_THREAD_BYTES
from cloudlet.base.errors import AwsError, InternalFailure, ServiceUnavailable, aws_error
from cloudlet.kit.call import Apart, Call, Source
from cloudlet.kit.dispatch import perform, prepare
from cloudlet.kit.node import Node
from cloudlet.kit.policy import ANONYMOUS
from cloudlet.kit.ports import Identity, KeyUse
from cloudlet.kit.service import CrossOrigin
from cloudlet.store.errors import StoreBroken, StoreFull, StoreStalled, StoreUnwritable, TransactionTooLarge
from cloudlet.wire import cbor, constraints, json, query, rest_json, rest_xml
from cloudlet.wire.message import HttpRequest, HttpResponse
from cloudlet.wire.model import Operation, ServiceModel, load
from cloudlet.wire.sigv2 import PresignedV2, read_presigned, verify_presigned
from cloudlet.wire.sigv4 import (
    Claim,
    Kind,
    SignatureProblem,
    SigningKeys,
    check_scope,
    problem_to_error,
    read_credentials,
    verify,
)

CODECS: dict[str, ModuleType] = {
    "json": json,
    "query": query,
    "rest-json": rest_json,
    "rest-xml": rest_xml,
    "smithy-rpc-v2-cbor": cbor,
}
BODY_BYTES_MAX = 17 << 20  # DynamoDB's batches may have 16 MiB
ANONYMOUS_BODY_BYTES_MAX = 2 << 20  # S3's DeleteObjects
BODY_BYTES_MAX_OF = {"lambda": 72 << 20}  # a zip file of 50 MiB in base64
# More than that is parsed, checked and rendered in a thread, which takes turns with the loop every millisecond.
PARSED_IN_THREAD_BYTES = 256 << 10
PARSED_IN_THREAD_MEMBERS = 1_500  # a microsecond or two each
_BETWEEN_MEMBERS = {"json": b",", "rest-json": b",", "query": b"&", "rest-xml": b"</"}
STALL_TRIES = 6
PROTOCOL_ERROR_CODES = {
    408: "RequestTimeout",
    413: "EntityTooLarge",
    431: "RequestHeaderSectionTooLarge",
    501: "NotImplemented",
    503: "ServiceUnavailable",
    505: "HttpVersionNotSupported",
}
JSON_ERROR_CODES = {
    "RequestTimeout": "RequestTimeoutException",
    "EntityTooLarge": "RequestEntityTooLargeException",
    "InternalError": "InternalFailure",
}
DEFAULT_REGION = "us-east-1"
# The signing names of AWS's rest-xml services.
SPEAK_XML = frozenset(("s3", "s3express", "s3-outposts", "s3-object-lambda", "cloudfront", "route53"))

log = logging.getLogger("cloudlet.gateway")

InternalPage = Callable[[HttpRequest], Awaitable[HttpResponse]]


@dataclass(slots=True)
class Exchange:
    """What is known so far of one request; an error is worded by it."""

    request: HttpRequest
    request_id: str
    claim: Claim | None = None
    presigned: PresignedV2 | None = None  # a URL of S3's Signature Version 2, which has no claim
    route: Route | None = None
    operation: Operation | None = None
    labels: dict[str, str] = field(default_factory=dict)  # what the path names
    call: Call | None = None
    read_horizon: int = 0  # of reads before there was a call
    much: list[Any] | None = None  # its parameters, if they have thousands of members

    def told(self) -> tuple[str, str]:
        """Its operation, as far as that is known, and its id."""
        if self.route is None or self.operation is None:
            return self.request.method, self.request_id
        return f"{self.route.service.name}.{self.operation.name}", self.request_id


class Gateway:
    def __init__(self, node: Node, roots: RootKeys, internal_pages: dict[str, InternalPage] | None = None) -> None:
        """`internal_pages` answer unsigned, by exact path (health), or by the family of their path: "/Name-*" has all
        that begin with "/Name-"."""
        self.node, self.roots = node, roots
        self.router = Router(node.services)
        self.signing_keys = SigningKeys()
        self.internal_pages = internal_pages or {}
        self.watch: LoopWatch | None = None

    async def handle(self, request: HttpRequest) -> HttpResponse:
        page = self.internal_pages.get(request.path)
        page = page or self.internal_pages.get(f"{request.path.partition('-')[0]}-*")
        if page is not None:
            return await page(request)
        exchange = Exchange(request, ids.uuid4())
        try:
            if self.watch is None:
                response = await self._serve(exchange)
            else:
                response = await self.watch.run(self._serve(exchange), exchange.told)
        except (asyncio.CancelledError, ConnectionResetError):
            raise
        except Exception as error:
            response = await self._refuse(exchange, error)
        if exchange.much is not None:
            much, exchange.much, exchange.call = exchange.much, None, None
            asyncio.get_running_loop().run_in_executor(None, pieces.let_go, much)
        return response

    def protocol_error(self, headers: list[tuple[str, str]], status: int, reason: str) -> HttpResponse:
        """What the edge itself refuses (bad HTTP, limits), in the protocol that the headers so far speak, else S3's."""
        request = HttpRequest("POST", "/", "", headers)
        route = self.router.route_by_head(request)
        protocol = route.protocol if route else _likely_protocol(request, None)
        code = PROTOCOL_ERROR_CODES.get(status, "BadRequest" if status < 500 else "InternalError")
        if protocol not in ("rest-xml", "query"):
            code = JSON_ERROR_CODES.get(code, code)
        model = route.service.model if route else _stand_in(protocol)
        request_id = ids.s3_request_id() if protocol == "rest-xml" else ids.uuid4()
        return CODECS[protocol].render_error(model, None, aws_error(code, reason, status), request_id)

    async def _serve(self, exchange: Exchange) -> HttpResponse:
        request = exchange.request
        exchange.presigned = read_presigned(request)
        exchange.claim = claim = None if exchange.presigned else read_credentials(request)
        if claim is None and request.stream is not None and is_form(request):
            await self._collect(exchange)  # an unsigned form says in its body what it is
        exchange.route = route = self.router.route(request, claim)
        if route is None:
            raise _unknown_service(claim)
        codec, model = CODECS[route.protocol], route.service.model
        readable = request
        if route.protocol == "query":
            if request.stream is not None:
                await self._collect(exchange)
            readable = await unpacked(request, route.protocol)
        bucket = (route.bucket_in_host,) if route.protocol == "rest-xml" else ()
        name, bound = codec.match(model, readable, *bucket)
        exchange.labels = bound.get("labels", exchange.labels)
        if name is None:
            if request.method == "OPTIONS" and route.service.cross_origin is not None:
                return await self._preflight(exchange)
            raise _unknown_operation(route, readable)
        exchange.operation = operation = model.operations[name]
        streams = operation.streaming_input is not None
        if not streams and request.stream is not None:
            await self._collect(exchange)
        identity = await self._authenticate(exchange, streams)
        call = exchange.call = self._call(exchange, identity, operation.name)
        handler = route.service.require_operation(name)
        if route.protocol == "rest-xml" and rest_xml.is_presigned(request):
            request.set_headers(rest_xml.with_hoisted(request).headers)
        if route.protocol != "query" and request.body and request.header("content-encoding") is not None:
            readable = await unpacked(request, route.protocol)
        if _is_much(route.protocol, readable.body):
            parameters, call.is_checked = await asyncio.to_thread(_parsed, codec, model, operation, readable, bound)
            call.asks_much = True
            exchange.much = [parameters]
        else:
            parameters = codec.parse(model, operation, readable, bound)
        if handler.waits:
            result = await self._wait_on(call, handler.handler, name, parameters)
        else:
            result = await self._perform(call, name, parameters)
        if call.horizon > self.node.database.journal.durable:
            await call.settle()
        if call.answers_much:
            response = await asyncio.to_thread(codec.render, model, operation, result, exchange.request_id)
        else:
            response = codec.render(model, operation, result, exchange.request_id)
        if route.service.cross_origin is not None:
            response.headers += self._cross_origin(exchange)
        return response

    async def _preflight(self, exchange: Exchange) -> HttpResponse:
        """A browser asks whether a page of another site may go on."""
        headers = self._cross_origin(exchange, is_preflight=True)
        await self.node.database.journal.wait(exchange.read_horizon)
        return HttpResponse(200, [("x-amz-request-id", exchange.request_id), *headers])

    def _cross_origin(self, exchange: Exchange, is_preflight: bool = False) -> list[tuple[str, str]]:
        """What an answer tells a browser whose page is of another site; mostly nothing."""
        request, route = exchange.request, exchange.route
        if route is None or route.service.cross_origin is None:
            return []
        origin, method, names = request.header("origin") or "", request.method, ""
        if not origin and not is_preflight:
            return []
        if is_preflight:
            method = request.header("access-control-request-method") or ""
            names = request.header("access-control-request-headers") or ""
        wanted = tuple(name.strip() for name in names.split(",") if name.strip())
        asked = CrossOrigin(origin, method, wanted, is_preflight)
        keys = route.service.keys(DEFAULT_ACCOUNT, DEFAULT_REGION)
        tx = self.node.database.begin()
        try:
            return route.service.cross_origin(tx, keys, exchange.labels.get("Bucket", ""), asked)
        finally:
            exchange.read_horizon = max(exchange.read_horizon, tx.discard())

    async def _collect(self, exchange: Exchange) -> None:
        """Read the whole body into memory, up to the service's limit; for somebody unknown little or nothing."""
        request, signed = exchange.request, exchange.claim or exchange.presigned
        assert request.stream is not None
        limit = ANONYMOUS_BODY_BYTES_MAX
        if signed is not None:
            self._identify(exchange, signed)
            limit = BODY_BYTES_MAX_OF.get(exchange.claim.service if exchange.claim else "", BODY_BYTES_MAX)
        request.body, request.stream = await request.stream.collect(limit), None

    async def _authenticate(self, exchange: Exchange, streams: bool) -> Identity | None:
        """Who calls, proved by the signature; None = anonymous, where the operation allows it."""
        request, claim, route = exchange.request, exchange.claim, exchange.route
        assert route is not None and exchange.operation is not None
        if exchange.presigned is not None:
            return self._authenticate_presigned(exchange, exchange.presigned)
        if claim is None:
            if exchange.operation.name not in route.service.anonymous:
                raise SignatureProblem(Kind.ANONYMOUS)
            return None
        check_scope(claim, service=route.service.model.signing_name)
        identity = self._identify(exchange, claim)
        body_sha256 = None if streams and request.stream is not None else await _sha256(request.body)
        verify(
            request,
            claim,
            identity.secret,
            wall_ms=self.node.clock.wall_ms(),
            body_sha256=body_sha256,
            signing_key_cache=self.signing_keys,
            secret_version=identity.secret_version,
        )
        if claim.payload_mode.is_chunked and not streams:
            request.body = await decoded_body(request, claim, identity, self.signing_keys)
        self._note_use(identity, claim.access_key_id, claim.service, claim.region)
        return identity

    def _authenticate_presigned(self, exchange: Exchange, presigned: PresignedV2) -> Identity:
        """Whose URL of Signature Version 2 it is; S3 alone takes them."""
        route = exchange.route
        assert route is not None
        if route.service.name != "s3":
            raise SignatureProblem(Kind.SIGV2)
        identity = self._identify(exchange, presigned)
        wall_ms, bucket = self.node.clock.wall_ms(), route.bucket_in_host
        verify_presigned(exchange.request, presigned, identity.secret, wall_ms=wall_ms, bucket=bucket)
        self._note_use(identity, presigned.access_key_id, "s3", DEFAULT_REGION)
        return identity

    def _identify(self, exchange: Exchange, claim: Claim | PresignedV2) -> Identity:
        tx = self.node.database.begin()
        try:
            return identify(self.node, self.roots, tx, exchange.request, claim)
        finally:
            exchange.read_horizon = tx.discard()

    def _note_use(self, identity: Identity, access_key_id: str, service: str, region: str) -> None:
        use = KeyUse(access_key_id, service, region, self.node.clock.now_ms())
        self.node.identities.note_use(self.node.database, identity, use)

    def _call(self, exchange: Exchange, identity: Identity | None, operation: str) -> Call:
        request, claim, route = exchange.request, exchange.claim, exchange.route
        assert route is not None
        principal = identity.principal if identity else ANONYMOUS
        scheme = "https" if request.secure else "http"
        source = Source(
            ip=request.peer,
            user_agent=request.header("user-agent") or "",
            secure=request.secure,
            base_url=f"{scheme}://{request.header('host')}",
            listener=request.listener,
            request=request,
        )
        call = Call(
            self.node,
            route.service,
            operation,
            account=principal.account or DEFAULT_ACCOUNT,
            region=claim.region if claim else DEFAULT_REGION,
            principal=principal,
            source=source,
            request_id=exchange.request_id,
            session_policies=identity.session_policies if identity else None,
            session_context=identity.session_context if identity else None,
        )
        call.body = verified_stream(request, claim, identity, self.signing_keys)
        call.horizon = exchange.read_horizon
        return call

    async def _perform(self, call: Call, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """A `def` handler: one transaction, run again while the engine stalls, and once what takes long is computed."""
        call.computed = {}
        stalls = 0
        while True:
            try:
                return call.transact(lambda tx: perform(call, name, parameters))
            except Apart as apart:
                await call.compute(apart)
            except StoreStalled:
                stalls += 1
                if stalls == STALL_TRIES:
                    raise ServiceUnavailable(reason="the disk is too slow for the load, try again") from None
                await asyncio.sleep(0.01 * 2 ** (stalls - 1))

    async def _wait_on(
        self, call: Call, handler: Callable[..., Awaitable[Any]], name: str, parameters: dict[str, Any]
    ) -> dict[str, Any]:
        """An `async def` handler: checked before it starts, and authorised again in each of its transactions."""
        call.transact(lambda tx: prepare(call, name, parameters))
        call.authorises_as(parameters)
        return await handler(call, parameters) or {}

    async def _refuse(self, exchange: Exchange, error: Exception) -> HttpResponse:
        """The error's answer in the request's protocol, once what it tells is durable."""
        route = exchange.route
        protocol = route.protocol if route else _likely_protocol(exchange.request, exchange.claim)
        model = route.service.model if route else _stand_in(protocol)
        answer = _as_aws_error(error, protocol, model.name, exchange)
        if route is not None and exchange.call is not None and route.service.refused is not None:
            route.service.refused(exchange.call, answer)
        cross_origin = self._cross_origin(exchange)
        horizon = exchange.call.horizon if exchange.call else 0
        await self.node.database.journal.wait(max(horizon, exchange.read_horizon))
        response = CODECS[protocol].render_error(
            model, exchange.operation, answer, exchange.request_id, resource=exchange.request.path
        )
        response.headers += cross_origin
        return response


def _is_much(protocol: str, body: bytes) -> bool:
    if len(body) < 16 * PARSED_IN_THREAD_MEMBERS:
        return False
    between = _BETWEEN_MEMBERS.get(protocol)
    return len(body) > PARSED_IN_THREAD_BYTES or between is None or body.count(between) > PARSED_IN_THREAD_MEMBERS


def _parsed(
    codec: ModuleType, model: ServiceModel, operation: Operation, request: HttpRequest, bound: dict[str, Any]
) -> tuple[dict[str, Any], bool]:
    """The parameters, and whether they satisfy the model; what they lack is said once the caller is authorised."""
    parameters = codec.parse(model, operation, request, bound)
    try:
        constraints.check(model, operation, parameters)
    except AwsError:
        return parameters, False
    return parameters, True


def _as_aws_error(error: Exception, protocol: str, service: str, exchange: Exchange) -> AwsError:
    if isinstance(error, AwsError):
        return error
    if isinstance(error, SignatureProblem):
        details = dict(error.details)
        if exchange.claim:
            details.setdefault("access_key_id", exchange.claim.access_key_id)
        return problem_to_error(error.kind, protocol, service, details)
    if isinstance(error, BodyTooLarge):
        return aws_error("RequestEntityTooLargeException", f"The request's body is too large: {error}.", 413)
    if isinstance(error, NodeFull):
        return ServiceUnavailable(reason="the node holds as many bytes of requests as it may, try again")
    if isinstance(error, StoreUnwritable):
        return ServiceUnavailable(reason="the node's disk fails: writes are refused, reads go on; its log says why")
    if isinstance(error, StoreFull):
        return ServiceUnavailable(reason="the node's disk is full: writes are refused, reads go on")
    if isinstance(error, StoreStalled):
        return ServiceUnavailable(reason="the disk is too slow for the load, try again")
    if isinstance(error, TransactionTooLarge):
        return aws_error("RequestEntityTooLargeException", f"The request is too large: {error}", 413)
    if isinstance(error, StoreBroken):
        log.critical("the store is broken: %s", error)
    operation = exchange.operation.name if exchange.operation else "?"
    log.error("request %s (%s.%s) failed", exchange.request_id, service, operation, exc_info=error)
    return InternalFailure()


async def _sha256(body: bytes) -> str:
    if len(body) > HASHED_IN_THREAD_BYTES:
        return await asyncio.to_thread(lambda: hashlib.sha256(body).hexdigest())
    return hashlib.sha256(body).hexdigest()


def _likely_protocol(request: HttpRequest, claim: Claim | None) -> str:
    """What the client reads, of a service that isn't known here."""
    if request.header("x-amz-target") is not None:
        return "json"
    if is_form(request):
        return "query"
    return "rest-json" if claim and claim.service not in SPEAK_XML else "rest-xml"


def _stand_in(protocol: str) -> ServiceModel:
    """Whose words an error has that is nobody's."""
    return load("s3" if protocol == "rest-xml" else "sts")


def _unknown_service(claim: Claim | None) -> AwsError:
    named = f"'{claim.service}'" if claim else "this request names"
    return aws_error(
        "NotImplemented", f"No service {named} is part of this node; docs/operations.md lists those that are.", 501
    )


def _unknown_operation(route: Route, request: HttpRequest) -> AwsError:
    """As the protocol's own services answer to an operation that their API doesn't have."""
    if route.protocol == "query":
        action = query.form_of(request).get("Action")
        if not action:
            return aws_error("MissingAction", "The request must contain the parameter Action.", 400)
        version = route.service.model.api_version
        return aws_error("InvalidAction", f"Could not find operation {action} for version {version}", 400)
    if route.protocol == "rest-xml":
        if request.method == "POST" and (request.header("content-type") or "").startswith("multipart/form-data"):
            return aws_error("NotImplemented", "Uploads by a browser's POST form are not part of this S3 yet.", 501)
        return aws_error("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
    return aws_error("UnknownOperationException", "", 404 if route.protocol == "rest-json" else 400)
