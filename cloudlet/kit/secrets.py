"""Secrets at rest: sealed with the node key, which lives in one file that only the node's user may read.

Authenticated encryption (AES-256-GCM, a key of its own per purpose), so an altered or exchanged secret is refused.
"""

import hmac
import os
from pathlib import Path
from typing import Any

from cloudlet.base.ids import random_bytes
from cloudlet.base.lazy import lazy
from cloudlet.store.disk import write_new

NODE_KEY_BYTES = 32
_NONCE_BYTES, _TAG_BYTES = 12, 16

_aead = lazy("cryptography.hazmat.primitives.ciphers.aead")
_exceptions = lazy("cryptography.exceptions")


class CannotUnseal(Exception):
    """Sealed bytes that this node's key didn't make, or not for this purpose and context."""


class NodeKeyUnusable(Exception):
    """The node key's file is not what it must be; the message names the remedy."""


class Sealer:
    """Seals and unseals with one node key."""

    def __init__(self, node_key: bytes) -> None:
        assert len(node_key) == NODE_KEY_BYTES, "a node key has 32 bytes"
        self._node_key = node_key
        self._ciphers: dict[str, Any] = {}  # purposes are words of our code, so this stays small

    def seal(self, data: bytes, purpose: str, context: bytes = b"") -> bytes:
        """`data` encrypted; `context` (whose secret it is, say) must be the same to unseal it."""
        nonce = random_bytes(_NONCE_BYTES)
        return nonce + self._cipher(purpose).encrypt(nonce, data, context)

    def unseal(self, sealed: bytes, purpose: str, context: bytes = b"") -> bytes:
        """What was sealed. Raises CannotUnseal."""
        if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
            raise CannotUnseal(f"not a sealed {purpose}")
        try:
            return self._cipher(purpose).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except _exceptions.InvalidTag as error:
            raise CannotUnseal(f"not a {purpose} sealed by this node") from error

    def _cipher(self, purpose: str) -> Any:
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            key = hmac.digest(self._node_key, f"cloudlet seal {purpose}".encode(), "sha256")
            cipher = self._ciphers[purpose] = _aead.AESGCM(key)
        return cipher


def load_or_create_node_key(path: Path) -> bytes:
    """The node key in file `path`, made (0600, on disk before this returns) if there is none yet.

    Raises NodeKeyUnusable for a file that others may read or that isn't a key: making a new one would lose every
    stored secret.
    """
    if not path.exists():
        write_new(path, random_bytes(NODE_KEY_BYTES))
    with open(path, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        key = file.read(NODE_KEY_BYTES + 1)
    if mode & 0o077:
        raise NodeKeyUnusable(f"{path} can be read by others than its owner: chmod 600 {path}")
    if len(key) != NODE_KEY_BYTES:
        raise NodeKeyUnusable(f"{path} is not a node key ({NODE_KEY_BYTES} bytes); restore it from a backup")
    return key
