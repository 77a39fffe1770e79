"""The key that notifications are signed with: made once for the node, sealed, and its certificate for whoever verifies.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
Making it takes long (a tenth of a second), so the first topic's creation makes it, in a thread, and is answered when it
is there: nobody who subscribes or publishes has to. A topic that is created within another's transaction can't wait: it
leaves the key to a task, and who signs before that has run makes it himself.
"""

import asyncio
import base64
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cloudlet.base import ids
from cloudlet.base.lazy import lazy
from cloudlet.kit.call import Call
from cloudlet.kit.secrets import Sealer
from cloudlet.services.sns.keys import SIGNING_KEY
from cloudlet.services.sns.records import SigningKey
from cloudlet.services.sns.service import sns
from cloudlet.store.transaction import Tx

KEY_BITS = 2048
VALID_DAYS = 36_500
PAGE_FAMILY = "/SimpleNotificationService-*"  # how app/ knows the certificate's page
_PURPOSE = "sns signing key"

_hashes = lazy("cryptography.hazmat.primitives.hashes")
_padding = lazy("cryptography.hazmat.primitives.asymmetric.padding")
_rsa = lazy("cryptography.hazmat.primitives.asymmetric.rsa")
_serialization = lazy("cryptography.hazmat.primitives.serialization")
_x509 = lazy("cryptography.x509")
_name_oid = lazy("cryptography.x509.oid")
_datetime = lazy("datetime")


def make(sealer: Sealer, now_ms: int) -> SigningKey:
    """A new key and its self-signed certificate."""
    key = _rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = _x509.Name([_x509.NameAttribute(_name_oid.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begin = _datetime.datetime.fromtimestamp(now_ms // 1000, _datetime.UTC)
    certificate = (
        _x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(_x509.random_serial_number())
        .not_valid_before(begin - _datetime.timedelta(days=1))
        .not_valid_after(begin + _datetime.timedelta(days=VALID_DAYS))
        .sign(key, _hashes.SHA256())
    )
    der = key.private_bytes(
        _serialization.Encoding.DER, _serialization.PrivateFormat.PKCS8, _serialization.NoEncryption()
    )
    return SigningKey(
        sealed_key=sealer.seal(der, _PURPOSE),
        certificate=certificate.public_bytes(_serialization.Encoding.PEM),
        certificate_id=ids.hexadecimal(32),
    )


def find(tx: Tx) -> SigningKey | None:
    stored = tx.get(SIGNING_KEY)
    return SigningKey.decode(stored) if stored else None


def require(call: Call) -> SigningKey:
    found = find(call.tx)
    if found is None:
        found = make(call.node.sealer, call.now_ms)
        call.tx.put(SIGNING_KEY, found.encode())
    return found


def certificate_url(base_url: str, key: SigningKey) -> str:
    return f"{base_url}{PAGE_FAMILY[:-1]}{key.certificate_id}.pem"


def sign(sealer: Sealer, key: SigningKey, version: str, text: str) -> str:
    """SignatureVersion 1 is RSA with SHA-1, 2 with SHA-256."""
    digest = _hashes.SHA256() if version == "2" else _hashes.SHA1()
    signature = _private_key(sealer, key.sealed_key).sign(text.encode(), _padding.PKCS1v15(), digest)
    return base64.b64encode(signature).decode()


@lru_cache(maxsize=8)
def _private_key(sealer: Sealer, sealed: bytes) -> Any:
    return _serialization.load_der_private_key(sealer.unseal(sealed, _PURPOSE), password=None)


async def make_ready(call: Call) -> None:
    """Called before a topic is created."""
    if call.transact(find) is None:
        made = await asyncio.to_thread(make, call.node.sealer, call.now_ms)
        call.transact(_keep, made)


def _keep(tx: Tx, made: SigningKey) -> None:
    if tx.get(SIGNING_KEY) is None:  # else somebody was faster
        tx.put(SIGNING_KEY, made.encode())


def make_in_time(call: Call) -> None:
    """Called when a topic is created: have the key made before a message needs it."""
    if call.tx.get(SIGNING_KEY) is None:
        call.later("make_signing_key", {})


@sns.task("make_signing_key")
async def make_signing_key(call: Call, payload: dict[str, Any]) -> Callable[[Call], None] | None:
    if call.transact(find) is not None:
        return None
    made = await asyncio.to_thread(make, call.node.sealer, call.now_ms)
    return lambda call: _keep(call.tx, made)
