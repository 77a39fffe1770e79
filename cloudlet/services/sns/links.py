"""Which address of this node stands in links that leave it."""

from cloudlet.kit.call import Call


def base_url(call: Call) -> str:
    """The node's own address; of a node that others reach, the one the caller used: a signature covers it, and an
    unsigned caller could name any host."""
    settings = call.node.settings
    is_signed = call.principal.type not in ("Anonymous", "Service")
    if is_signed and settings is not None and not settings.is_loopback:
        return call.source.base_url
    return call.node.base_url
