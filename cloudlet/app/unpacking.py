"""Bodies that came compressed: SDKs do that to PutMetricData of over 10 KiB, agents to PutLogEvents.

The signature is over what was sent, so both forms are kept. S3's objects are never unpacked: there it is metadata.
"""

import asyncio
import zlib
from dataclasses import replace

from cloudlet.app.request_body import BodyTooLarge
from cloudlet.base.errors import aws_error
from cloudlet.wire.message import HttpRequest

# The query protocol has to unpack before it knows who calls, so this is small; PutMetricData takes 1 MB.
UNPACKED_BYTES_MAX = 4 << 20
_GZIP = 16 + zlib.MAX_WBITS
_PROTOCOLS = ("json", "query", "smithy-rpc-v2-cbor")


async def unpacked(request: HttpRequest, protocol: str) -> HttpRequest:
    """The request as it is to be read: itself, unless its body is compressed."""
    if protocol not in _PROTOCOLS or not request.body:
        return request
    if (request.header("content-encoding") or "").lower() != "gzip":
        return request
    try:
        body = await asyncio.to_thread(_inflated, request.body)
    except zlib.error as error:
        code = "MalformedQueryString" if protocol == "query" else "SerializationException"
        raise aws_error(code, "The body is not what its Content-Encoding says: gzip.", 400) from error
    return replace(request, body=body)


def _inflated(body: bytes) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    inflated = inflater.decompress(body, UNPACKED_BYTES_MAX + 1)
    if len(inflated) > UNPACKED_BYTES_MAX:
        raise BodyTooLarge(f"unpacked it has more than {UNPACKED_BYTES_MAX} bytes")
    if not inflater.eof or inflater.unused_data:
        raise zlib.error("it ends too early or too late")
    return inflated
