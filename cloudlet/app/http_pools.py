"""urllib3's connections, with a look at the address that each is connected to. Imported at the first request only."""

import ipaddress
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

HOSTS_KEPT = 64  # with idle connections
CONNECTIONS_PER_HOST = 8
_METADATA = frozenset(("fd00:ec2::254", "100.100.100.200"))  # not link-local, the same purpose


class AddressRefused(OSError):
    """The host's address is one that nothing may be sent to."""


def checked_pools() -> urllib3.PoolManager:
    pools = urllib3.PoolManager(num_pools=HOSTS_KEPT, maxsize=CONNECTIONS_PER_HOST, block=False)
    pools.pool_classes_by_scheme = {"http": _CheckedPool, "https": _CheckedTlsPool}
    return pools


def check_address(address: str) -> None:
    """Raise AddressRefused for the address of a host that must not be reached."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    if mapped.is_link_local or mapped.is_multicast or str(mapped) in _METADATA:
        raise AddressRefused(f"{address} is not an address that requests are sent to")


class _CheckedConnection(HTTPConnection):
    """Looks at the address it is connected to: a name may resolve otherwise the second time it is asked for."""

    def connect(self) -> None:
        super().connect()
        _check_peer(self)


class _CheckedTlsConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _check_peer(self)


def _check_peer(connection: Any) -> None:
    try:
        check_address(connection.sock.getpeername()[0])
    except OSError:
        connection.close()
        raise


class _CheckedPool(HTTPConnectionPool):
    ConnectionCls = _CheckedConnection


class _CheckedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedTlsConnection
