"""File descriptors: as many as the system lets this process have, and no more of them for clients than leave the store
its own. A store that cannot open a file ends the node, so a thousand idle connections must not take the last one.
"""

import contextlib
import resource

WANTED = 65_536
RESERVED = 1024  # the store's files, blobs that are read and written, functions


def raise_limit() -> int:
    """The soft limit becomes the hard one, which needs no right; how many descriptors there are now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (WANTED, 10_240):  # macOS takes no more than this, whatever it calls its hard limit
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        if soft == resource.RLIM_INFINITY or soft >= limit:
            break
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            return limit
    return WANTED if soft == resource.RLIM_INFINITY else soft


def connections_that_fit(descriptors: int, wanted: int) -> int:
    """Of `wanted` connections, how many may be open at once; those that hear 503 have descriptors too."""
    for_clients = descriptors - RESERVED if descriptors >= 4 * RESERVED else descriptors // 4
    return min(wanted, max(1, for_clients * 10 // 11 - 16))
