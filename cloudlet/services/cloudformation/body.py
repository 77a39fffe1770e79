"""Templates as they come and go: out of a request, an object or the stack; GetTemplate, its summary, validation."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import errors, lookup, plans
from cloudlet.services.cloudformation.acting import call_apart
from cloudlet.services.cloudformation.kinds.registry import check_type
from cloudlet.services.cloudformation.prepared import PreparedPlan
from cloudlet.services.cloudformation.records import Stack
from cloudlet.services.cloudformation.service import cloudformation
from cloudlet.services.cloudformation.template.load import INLINE_BYTES_MAX, S3_BYTES_MAX
from cloudlet.services.cloudformation.template.parameters import Given
from cloudlet.services.cloudformation.template.prepare import Pseudo
from cloudlet.services.cloudformation.template_worker import WORKERS_MAX, TemplateWorkers
from cloudlet.store.transaction import Tx

templates = TemplateWorkers()
# Threads of their own: jobs wait for each other, perhaps long, and must not take the threads that all others use.
_waiting_for_worker = ThreadPoolExecutor(WORKERS_MAX, thread_name_prefix="templates")

T = TypeVar("T")

_S3_ERRORS = "\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"


async def text_of(call: Call, request: dict[str, Any], previous: str | None = None) -> str:
    """The template a request brings, or names by its URL, or (where it says so) the stack's own."""
    if request.get("UsePreviousTemplate"):
        if previous is None:
            raise errors.ValidationError("Either Template URL or Template Body must be specified.")
        return previous
    text, url = request.get("TemplateBody"), request.get("TemplateURL")
    if text and url:
        raise errors.ValidationError("Either Template URL or Template Body must be specified.")
    if text:
        if len(text.encode()) > INLINE_BYTES_MAX:
            raise errors.ValidationError(
                f"1 validation error detected: Value '{text[:1000]}' at 'templateBody' failed to satisfy constraint: "
                f"Member must have length less than or equal to {INLINE_BYTES_MAX}"
            )
        return text
    if url:
        return await _fetched(call, url)
    raise errors.ValidationError("Either Template URL or Template Body must be specified.")


async def _fetched(call: Call, url: str) -> str:
    """An object of S3's, read as the caller."""
    bucket, key, version = object_address(url, call.source.base_url, call.node.base_url)
    request = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
    try:
        answer = await call_apart(call, "s3", "GetObject", request)
        data = await _bytes_of(answer.get("Body", b""))
    except AwsError as error:
        if error.status == 501:
            raise
        raise errors.ValidationError(f"S3 error: {error.message}{_S3_ERRORS}") from None
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise errors.ValidationError("Template format error: unsupported structure.") from None


def object_address(url: str, *our_urls: str) -> tuple[str, str, str | None]:
    """Bucket, key and version of an S3 URL, AWS's or this node's, in path or virtual-host form."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a host in half a pair of brackets
        raise errors.ValidationError("TemplateURL must be a supported URL.") from None
    if parts.scheme == "s3":
        raise errors.ValidationError(f"S3 error: Domain name specified in {parts.netloc} is not a valid S3 domain")
    ours = {urlsplit(our).netloc for our in our_urls} | {urlsplit(our).hostname for our in our_urls}
    host = parts.netloc
    path = unquote(parts.path.lstrip("/"))
    query = dict(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
    version = query.get("versionId")
    if parts.scheme not in ("http", "https") or not path:
        raise errors.ValidationError("TemplateURL must be a supported URL.")
    first = host.split(".", 1)[0]
    if host in ours or first == "s3" or first.startswith("s3-"):
        bucket, _, key = path.partition("/")
    elif ".s3." in host or ".s3-" in host:
        bucket, key = host.replace(".s3-", ".s3.").partition(".s3.")[0], path
    elif any(our and host.endswith(f".{our}") for our in ours):
        bucket, key = next(host.removesuffix(f".{our}") for our in ours if our and host.endswith(f".{our}")), path
    else:
        raise errors.ValidationError("TemplateURL must be a supported URL.")
    return bucket, key, version


async def _bytes_of(body: Any) -> bytes:
    """A body in whichever form S3 gives it: whole, slices of files, or a stream; at most a template's size."""
    too_big = errors.ValidationError(f"Template may not exceed {S3_BYTES_MAX} bytes in size.")
    if isinstance(body, bytes):
        return body
    if isinstance(body, list):
        try:
            if sum(part.length for part in body) > S3_BYTES_MAX:
                raise too_big
            return b"".join([await asyncio.to_thread(os.pread, part.fd, part.length, part.offset) for part in body])
        finally:
            for part in body:
                part.close()
    parts, size = [], 0
    try:
        async for part in body:
            size += len(part)
            if size > S3_BYTES_MAX:
                raise too_big
            parts.append(part)
    finally:
        await body.aclose()
    return b"".join(parts)


async def in_turn(job: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """A job of the template workers', once one is free."""
    return await asyncio.get_running_loop().run_in_executor(_waiting_for_worker, partial(job, *arguments, **named))


async def plan_of(
    call: Call, text: str, request: dict[str, Any], previous: dict[str, str] | None, pseudo: Pseudo
) -> PreparedPlan:
    """The plan, made in the worker process."""
    given = [
        Given(entry.get("ParameterKey", ""), entry.get("ParameterValue"), bool(entry.get("UsePreviousValue")))
        for entry in request.get("Parameters", [])
    ]
    return await in_turn(templates.prepare, text, given, previous, pseudo)


async def _summary(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    previous = None
    if request.get("StackName"):
        previous = call.transact(lambda tx: _stored_text(call, tx, request["StackName"]))
        request = {"UsePreviousTemplate": True}
    text = await text_of(call, request, previous)
    facts = await in_turn(templates.validate, text)
    for type_ in facts["ResourceTypes"]:
        check_type(type_)
    return facts


def _stored_text(call: Call, tx: Tx, name: str) -> str | None:
    stack = lookup.require_stack(tx, call.keys, name)
    return plans.template_text(tx, call.keys, stack.id, stack.revision, "Original")


@cloudformation.operation("ValidateTemplate")
async def validate_template(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    facts = await _summary(call, request)
    parameters = [
        {name: p[name] for name in ("ParameterKey", "DefaultValue", "NoEcho", "Description") if name in p}
        for p in facts["Parameters"]
    ]
    shown = ("Description", "Capabilities", "CapabilitiesReason", "DeclaredTransforms")
    return {"Parameters": parameters, **{name: facts[name] for name in shown if name in facts}}


@cloudformation.operation("GetTemplateSummary")
async def get_template_summary(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("StackSetName"):
        raise errors.NotSupported(feature="cloudformation: the summary of a stack set's template", module="body")
    return await _summary(call, request)


@cloudformation.operation("GetTemplate")
def get_template(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    name, change_set_name = request.get("StackName", ""), request.get("ChangeSetName", "")
    if change_set_name:
        stack, revision = _change_set_revision(call, name, change_set_name)
    else:
        stack = lookup.require_stack(call.tx, call.keys, name)
        revision = stack.revision
    stage = request.get("TemplateStage", "Original")
    text = plans.template_text(call.tx, call.keys, stack.id, revision, stage)
    return {"TemplateBody": text or "", "StagesAvailable": ["Original", "Processed"]}


def _change_set_revision(call: Call, stack_name: str, name: str) -> tuple[Stack, int]:
    place = lookup.find_change_set_place(call.tx, call.keys, name)
    stack = lookup.find_stack(call.tx, call.keys, place.stack_id if place else stack_name)
    found = lookup.find_change_set(call.tx, call.keys, stack.id, place.name if place else name) if stack else None
    if stack is None or found is None:
        raise errors.ChangeSetNotFound(name=name)
    return stack, found.revision
