"""Every random id the node hands out, in AWS's forms. Tests seed them: `seed(7)`."""

import base64
import hashlib
import os
import random

_PORTION_BYTES = 4096
_UPPER_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LOWER_ALNUM = "abcdefghijklmnopqrstuvwxyz0123456789"
_VERSION_4 = 4 << 76 | 2 << 62
_NOT_FIXED = (1 << 128) - 1 & ~(15 << 76 | 3 << 62)
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class _SystemRandom(random.SystemRandom):
    """The operating system's randomness, asked for in larger portions: a system call each would cost more than the
    rest of an id."""

    def __init__(self) -> None:
        super().__init__()
        self._portion, self._at = b"", _PORTION_BYTES
        os.register_at_fork(after_in_child=self._throw_away)  # two processes never share a portion

    def _throw_away(self) -> None:
        self._at = _PORTION_BYTES

    def getrandbits(self, k: int) -> int:
        size = (k + 7) >> 3
        at, end = self._at, self._at + size
        if end > _PORTION_BYTES:
            if size > _PORTION_BYTES:
                return super().getrandbits(k)
            self._portion = os.urandom(_PORTION_BYTES)
            at, end = 0, size
        self._at = end
        return int.from_bytes(self._portion[at:end]) >> (size * 8 - k)


class _Source:
    """Operating-system randomness, or a seeded generator once `seed` was called."""

    def __init__(self) -> None:
        self.generator: random.Random = _SystemRandom()


_source = _Source()


def seed(number: int | None) -> None:
    """Make ids repeatable (tests only); None goes back to the operating system's randomness."""
    _source.generator = _SystemRandom() if number is None else random.Random(number)


def random_bytes(count: int) -> bytes:
    """Unpredictable bytes, for keys and secrets: never seeded."""
    return os.urandom(count)


def text(alphabet: str, length: int) -> str:
    return "".join(_source.generator.choices(alphabet, k=length))


def uuid4() -> str:
    """A random UUID (RFC 9562, version 4) in lower-case hex with dashes."""
    number = _source.generator.getrandbits(128) & _NOT_FIXED | _VERSION_4
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def hexadecimal(length: int) -> str:
    return f"{_source.generator.getrandbits(4 * length):0{length}x}"


def iam_id(prefix: str) -> str:
    """An IAM unique id: a four-letter prefix (AIDA user, AROA role …) and 17 characters; access keys (AKIA, ASIA): 16.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    """
    return prefix + text(_UPPER_ALNUM, 16 if prefix in ("AKIA", "ASIA") else 17)


def secret_access_key() -> str:
    """40 characters, from the operating system whatever the seed."""
    return "".join(random.SystemRandom().choices(_BASE64, k=40))


def lower_alnum(length: int) -> str:
    return text(_LOWER_ALNUM, length)


def s3_request_id() -> str:
    return text(_UPPER_ALNUM, 16)


def s3_host_id(request_id: str) -> str:
    """x-amz-id-2: 76 characters that go with the request id, as in the answer's header so in events."""
    return base64.b64encode(hashlib.blake2b(request_id.encode(), digest_size=56).digest()).decode()
