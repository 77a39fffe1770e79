"""The pages that tools wait for, unsigned: /_localstack/health and /_localstack/info in the form they know."""

import msgspec

from cloudlet import __version__
from cloudlet.app.gateway import InternalPage
from cloudlet.app.wiring import House
from cloudlet.wire.message import HttpRequest, HttpResponse


def health_pages(house: House) -> dict[str, InternalPage]:
    state = {
        "services": dict.fromkeys(sorted(house.node.services), "running"),
        "edition": "cloudlet",
        "version": __version__,
    }
    body = msgspec.json.encode(state)

    async def health(request: HttpRequest) -> HttpResponse:
        content = b"" if request.method == "HEAD" else body
        return HttpResponse(200, [("Content-Type", "application/json")], content)

    return {"/_localstack/health": health, "/_cloudlet/health": health}
