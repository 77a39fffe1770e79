"""The certificate that notifications are signed with, at the SigningCertURL they name; public, as on AWS."""

from cloudlet.app.gateway import InternalPage
from cloudlet.kit.node import Node
from cloudlet.services.sns import signing
from cloudlet.services.sns.signing import PAGE_FAMILY
from cloudlet.wire.message import HttpRequest, HttpResponse


def certificate_pages(node: Node) -> dict[str, InternalPage]:
    async def certificate(request: HttpRequest) -> HttpResponse:
        key, horizon = node.database.transact(signing.find)
        await node.database.journal.wait(horizon)
        if key is None or request.path != signing.certificate_url("", key) or request.method not in ("GET", "HEAD"):
            return HttpResponse(404, [("Content-Type", "text/plain")], b"No such certificate.\n")
        content = b"" if request.method == "HEAD" else key.certificate
        return HttpResponse(200, [("Content-Type", "application/x-pem-file")], content)

    return {PAGE_FAMILY: certificate}
