"""S3's checksums against published values, and combined over parts."""

import base64
import hashlib
import random

import awscrt.checksums
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudlet.base.checksums import (
    ALGORITHMS,
    FULL_OBJECT_ALGORITHMS,
    Checksum,
    combine_composite,
    combine_full_object,
    digest_base64,
    is_digest_base64,
)

# Of "123456789", as the catalogues of CRCs and the hashes' own papers give them.
CHECK_VALUES = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "MD5": "25f9e794323b453885f5181f1b624d0b",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "SHA256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    "XXHASH64": "8cb841db40e6ae83",
}


@pytest.mark.parametrize("algorithm", CHECK_VALUES)
def test_check_value_is_the_published_one(algorithm):
    checksum = Checksum(algorithm)
    checksum.update(b"123456789")
    assert checksum.digest().hex() == CHECK_VALUES[algorithm]


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_pieces_give_the_checksum_of_the_whole(algorithm):
    data = random.Random(1).randbytes(1000)
    checksum = Checksum(algorithm)
    for start in range(0, 1000, 7):
        checksum.update(data[start : start + 7])
    assert checksum.length == 1000
    assert checksum.digest_base64() == checksum.digest_base64() == digest_base64(algorithm, data)
    assert digest_base64(algorithm, data) != digest_base64(algorithm, data[1:])


def test_checksum_of_a_known_object_is_what_s3_answered():
    assert digest_base64("CRC64NVME", b"abcdef") == "Pact6XRTYyA="


def test_unknown_algorithm_is_our_own_mistake():
    with pytest.raises(KeyError):
        Checksum("CRC16")


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_form_of_a_checksum_is_told_by_its_length(algorithm):
    assert is_digest_base64(algorithm, digest_base64(algorithm, b""))
    for wrong in ("", "AAA=", "not base64", digest_base64(algorithm, b"")[:-1] + "ä", "A" * 120):
        assert not is_digest_base64(algorithm, wrong)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(FULL_OBJECT_ALGORITHMS)), st.lists(st.binary(max_size=300), max_size=6))
def test_full_object_checksum_of_parts_is_that_of_their_bytes(algorithm, parts):
    combined = combine_full_object(algorithm, [(digest_base64(algorithm, part), len(part)) for part in parts])
    assert combined == digest_base64(algorithm, b"".join(parts))


@pytest.mark.parametrize(
    ("algorithm", "theirs"),
    [
        ("CRC32", awscrt.checksums.combine_crc32),
        ("CRC32C", awscrt.checksums.combine_crc32c),
        ("CRC64NVME", awscrt.checksums.combine_crc64nvme),
    ],
)
@pytest.mark.parametrize("length", [1, 6, 5 << 20, (5 << 30) + 1])
def test_full_object_checksum_of_parts_too_big_to_hash_is_the_common_runtimes(algorithm, theirs, length):
    ours = combine_full_object(
        algorithm, [(digest_base64(algorithm, b"first"), 5), (digest_base64(algorithm, b"second"), length)]
    )
    first, second = (Checksum(algorithm) for _ in range(2))
    first.update(b"first")
    second.update(b"second")
    number = theirs(int.from_bytes(first.digest(), "big"), int.from_bytes(second.digest(), "big"), length)
    width = len(first.digest())
    assert ours == digest_text(number, width)


def digest_text(number, width):
    return base64.b64encode(number.to_bytes(width, "big")).decode()


def test_composite_checksum_is_that_of_the_parts_checksums():
    parts = [b"a" * 10, b"b" * 10, b"c"]
    joined = b"".join(hashlib.sha256(part).digest() for part in parts)
    composite = combine_composite("SHA256", [digest_base64("SHA256", part) for part in parts])
    assert composite == digest_base64("SHA256", joined) + "-3"
