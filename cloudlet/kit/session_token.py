"""Session tokens that carry their session: whoever has the node key can verify one, and nothing is stored for it.

A token is authenticated encryption of what STS knew when it issued the credentials, the secret included. It can't be
revoked by forgetting it, only by policy, as on AWS.
"""

import base64
import zlib
from datetime import UTC, datetime

import msgspec

from cloudlet.kit.policy.request import Principal, PrincipalType
from cloudlet.kit.secrets import CannotUnseal, Sealer

TOKEN_CHARACTERS_MAX = 16_384
_PURPOSE = "session token"
# The form's version, and what makes a token begin as AWS's do ("IQoJ").
_PLAIN, _PACKED = b"!\n\x09\x01", b"!\n\x09\x02"
_PACK_FROM_BYTES = 512  # policies and tags shrink; a bare session doesn't


class InvalidToken(Exception):
    """Not a token of this node's key."""


class SessionTooLarge(Exception):
    """Policies and tags that don't fit into a token; STS answers PackedPolicyTooLarge."""


class SessionClaims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token says. Times are wall-clock milliseconds: a session's end is checked against other machines' time."""

    access_key_id: str
    secret: str
    account: str
    principal_arn: str  # the session's own, e.g. arn:aws:sts::123456789012:assumed-role/Name/session
    user_id: str  # AROA…:session
    issued_ms: int
    expires_ms: int
    principal_type: PrincipalType = "AssumedRole"
    session_name: str = ""
    role_arn: str | None = None  # the role behind the session, or the user behind a federated one
    role_id: str | None = None  # its unique id
    session_policies: tuple[str, ...] | None = None  # JSON documents; None = no session policy, () = nothing allowed
    source_identity: str | None = None
    tags: dict[str, str] = {}
    transitive_tag_keys: tuple[str, ...] = ()
    mfa_at_ms: int | None = None
    further_context: dict[str, str] = {}  # condition keys that only the issuer knows, e.g. aws:FederatedProvider

    def principal(self) -> Principal:
        return Principal(
            arn=self.principal_arn,
            account=self.account,
            type=self.principal_type,
            user_id=self.user_id,
            name=self.session_name,
            role_arn=self.role_arn,
            role_id=self.role_id,
            tags=self.tags,
        )

    def context(self) -> dict[str, str]:
        """The condition keys that only temporary credentials have.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        """
        issued = datetime.fromtimestamp(self.issued_ms // 1000, UTC)
        context = {
            "aws:TokenIssueTime": issued.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aws:MultiFactorAuthPresent": "false" if self.mfa_at_ms is None else "true",
        }
        if self.source_identity is not None:
            context["aws:SourceIdentity"] = self.source_identity
        context.update(self.further_context)
        return context


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SessionClaims)


def mint(sealer: Sealer, claims: SessionClaims) -> str:
    """The token of a session. Raises SessionTooLarge, as every request must carry it in a header."""
    data, form = _encoder.encode(claims), _PLAIN
    if len(data) > _PACK_FROM_BYTES:
        data, form = zlib.compress(data, 9), _PACKED
    token = base64.b64encode(form + sealer.seal(data, _PURPOSE, form)).decode("ascii")
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise SessionTooLarge(f"{len(token)} characters where {TOKEN_CHARACTERS_MAX} are the most")
    return token


def open_token(sealer: Sealer, token: str) -> SessionClaims:
    """What a token says. Raises InvalidToken.

    The caller compares `access_key_id` with the request's and `expires_ms` with the wall clock.
    """
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise InvalidToken("longer than any token")
    try:
        raw = base64.b64decode(token, validate=True)
        # Base64 spells some bytes in several ways; only ours is the token.
        if base64.b64encode(raw) != token.encode("ascii"):
            raise InvalidToken("not how tokens are spelled")
        form = raw[: len(_PLAIN)]
        if form not in (_PLAIN, _PACKED):
            raise InvalidToken("not of a known form")
        data = sealer.unseal(raw[len(form) :], _PURPOSE, form)
        return _decoder.decode(zlib.decompress(data) if form == _PACKED else data)
    except (ValueError, CannotUnseal, msgspec.DecodeError) as error:  # DecodeError: of a version that is no more
        raise InvalidToken("not a token of this node") from error
