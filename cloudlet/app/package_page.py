"""The page behind a package's download link (GetFunction's Code.Location): unsigned, the link itself is the proof."""

import base64
import binascii
from urllib.parse import parse_qs

import msgspec

from cloudlet.app.gateway import InternalPage
from cloudlet.kit.node import Node
from cloudlet.kit.secrets import CannotUnseal
from cloudlet.services.lambda_.package import LINK_PURPOSE, Link
from cloudlet.store.errors import BlobGone
from cloudlet.wire.message import FileSlice, HttpRequest, HttpResponse

_links = msgspec.msgpack.Decoder(Link)


def package_page(node: Node) -> InternalPage:
    async def page(request: HttpRequest) -> HttpResponse:
        token = parse_qs(request.query).get("token", [""])[0]
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            link = _links.decode(node.sealer.unseal(sealed, LINK_PURPOSE))
        except (binascii.Error, CannotUnseal, ValueError):
            return _refused("This is not a link to a package.")
        if link.expires_ms <= node.clock.wall_ms():
            return _refused("This link has expired.")
        try:
            reader = node.database.blobs.open(link.blob_id)
        except BlobGone:
            return HttpResponse(404, [("Content-Type", "text/plain")], b"The package is no longer there.\n")
        headers = [("Content-Type", "application/zip")]
        if request.method == "HEAD":
            reader.close()
            return HttpResponse(200, headers, b"")
        return HttpResponse(200, headers, [FileSlice(reader.fd, 0, reader.size, reader.close)])

    return page


def _refused(why: str) -> HttpResponse:
    return HttpResponse(403, [("Content-Type", "text/plain")], f"{why}\n".encode())
