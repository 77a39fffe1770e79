"""Whose key signed a request: a root key, a session token, or an IAM user's access key.

Root keys are refused from execution environments and from browsers of another site, whatever they sign.
"""

import ipaddress
import re
from collections.abc import Iterable

from cloudlet.kit.node import Node
from cloudlet.kit.policy import Principal
from cloudlet.kit.ports import Identity
from cloudlet.kit.session_token import InvalidToken, open_token
from cloudlet.store.transaction import Tx
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv2 import PresignedV2
from cloudlet.wire.sigv4 import Claim, Kind, SignatureProblem

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_KEY = "test"

_account_id = re.compile(r"\d{12}", re.ASCII)
_SITES_TRUSTED = ("none", "same-origin")
_HOSTS_TRUSTED = re.compile(
    r"(?:.+\.)?(?:localhost|localhost\.localstack\.cloud|cloudlet|amazonaws\.com)(?::\d+)?|\[::1\](?::\d+)?", re.ASCII
)
_HOSTS_TOLD_THE_SITE = re.compile(r"(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?", re.ASCII)


class RootKeys:
    """The keys that are an account itself. `test`/`test` (and a 12-digit account id with secret `test`) only where
    the node listens on loopback and functions have a network of their own."""

    def __init__(self, *, allows_test: bool, key: tuple[str, str] | None, extra_hosts: Iterable[str] = ()) -> None:
        self._allows_test, self._key = allows_test, key
        self._extra_hosts = frozenset(extra_hosts)

    @property
    def takes_test(self) -> bool:
        return self._allows_test

    @property
    def own_key(self) -> tuple[str, str] | None:
        """The key that was given or made, beside `test`/`test` or instead of it."""
        return self._key

    def find(self, access_key_id: str) -> Identity | None:
        if self._key is not None and access_key_id == self._key[0]:
            return _root(DEFAULT_ACCOUNT, self._key[1])
        if self._allows_test and access_key_id == DEFAULT_KEY:
            return _root(DEFAULT_ACCOUNT, DEFAULT_KEY)
        if self._allows_test and _account_id.fullmatch(access_key_id):
            return _root(access_key_id, DEFAULT_KEY)
        return None

    def check_origin(self, request: HttpRequest, *, is_well_known: bool = False) -> None:
        """Raise unless the request comes from where a root key may be used. `is_well_known`: any page can sign."""
        site = request.header("sec-fetch-site")
        if request.listener or (site is not None and site not in _SITES_TRUSTED) or not self._knows_host(request):
            raise SignatureProblem(Kind.UNKNOWN_KEY)
        if is_well_known and site is None and _may_be_of_a_page(request):
            raise SignatureProblem(Kind.UNKNOWN_KEY)

    def _knows_host(self, request: HttpRequest) -> bool:
        host = request.header("host") or ""
        name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
        if _HOSTS_TRUSTED.fullmatch(host) or name in self._extra_hosts:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _may_be_of_a_page(request: HttpRequest) -> bool:
    """Whether a request without Sec-Fetch-Site may be a browser's, for a page of another site.

    Browsers say it to loopback and over TLS only: not to localhost.localstack.cloud, 0.0.0.0 or [::ffff:127.0.0.1],
    which lead here all the same. Old ones say it nowhere, but name the page of a POST.
    https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
    """
    host, page = request.header("host") or "", request.header("origin")
    if page is not None and page.partition("://")[2] != host:
        return True
    is_browser = (request.header("user-agent") or "").startswith("Mozilla/")
    return is_browser and not request.secure and _HOSTS_TOLD_THE_SITE.fullmatch(host) is None


def _root(account: str, secret: str) -> Identity:
    arn = f"arn:aws:iam::{account}:root"
    principal = Principal(
        arn=arn, account=account, type="Root", user_id=account, name="root", role_arn=None, service=None, tags={}
    )
    return Identity(principal, secret.encode(), secret_version=secret, is_root_key=True)


def identify(node: Node, roots: RootKeys, tx: Tx, request: HttpRequest, claim: Claim | PresignedV2) -> Identity:
    """The identity behind a claim's access key, unproved until the signature is verified. Raises SignatureProblem."""
    if claim.token:
        identity = _identity_of_token(node, claim)
        if identity.principal.type == "Root":
            roots.check_origin(request)
        return identity
    root = roots.find(claim.access_key_id)
    if root is not None:
        roots.check_origin(request, is_well_known=root.secret == DEFAULT_KEY.encode())
        return root
    user = node.identities.find_access_key(tx, claim.access_key_id)
    if user is None or not user.is_active:
        raise SignatureProblem(Kind.UNKNOWN_KEY, access_key_id=claim.access_key_id)
    return user


def _identity_of_token(node: Node, claim: Claim | PresignedV2) -> Identity:
    try:
        session = open_token(node.sealer, claim.token or "")
    except InvalidToken as error:
        raise SignatureProblem(Kind.TOKEN_INVALID, **{"Token-0": claim.token}) from error
    if session.access_key_id != claim.access_key_id:
        raise SignatureProblem(Kind.TOKEN_INVALID, **{"Token-0": claim.token})
    if session.expires_ms <= node.clock.wall_ms():
        raise SignatureProblem(Kind.TOKEN_EXPIRED, **{"Token-0": claim.token})
    return Identity(
        session.principal(),
        session.secret.encode(),
        secret_version=session.secret,
        session_policies=session.session_policies,
        session_context=session.context(),
    )
