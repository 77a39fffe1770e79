"""Secrets at rest and the file of the key that seals them."""

import os
import threading

import pytest

from cloudlet.kit.secrets import CannotUnseal, NodeKeyUnusable, Sealer, load_or_create_node_key

SEALER = Sealer(bytes(range(32)))


@pytest.mark.parametrize("data", [b"", b"x", b"a secret access key" * 100])
def test_sealed_bytes_come_back(data):
    sealed = SEALER.seal(data, "access key", b"AKIA1")
    assert SEALER.unseal(sealed, "access key", b"AKIA1") == data
    assert len(data) < 8 or data not in sealed  # a byte or two may well occur by chance


def test_sealing_twice_gives_different_bytes():
    assert SEALER.seal(b"a", "access key") != SEALER.seal(b"a", "access key")


def test_other_key_purpose_or_context_does_not_unseal():
    sealed = SEALER.seal(b"a", "access key", b"AKIA1")
    for sealer, purpose, context in (
        (Sealer(bytes(32)), "access key", b"AKIA1"),
        (SEALER, "session token", b"AKIA1"),
        (SEALER, "access key", b"AKIA2"),
    ):
        with pytest.raises(CannotUnseal):
            sealer.unseal(sealed, purpose, context)


def test_any_altered_or_missing_byte_does_not_unseal():
    sealed = SEALER.seal(b"secret", "access key")
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        for broken in (bytes(altered), sealed[:position]):
            with pytest.raises(CannotUnseal):
                SEALER.unseal(broken, "access key")


def test_node_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "node.key"
    before = os.umask(0)
    try:
        key = load_or_create_node_key(path)
    finally:
        os.umask(before)
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create_node_key(path) == key
    assert [entry.name for entry in tmp_path.iterdir()] == ["node.key"]
    assert load_or_create_node_key(tmp_path / "other.key") != key


def test_node_key_that_others_may_read_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "node.key"
    load_or_create_node_key(path)
    path.chmod(0o640)
    with pytest.raises(NodeKeyUnusable, match=f"chmod 600 {path}"):
        load_or_create_node_key(path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_file_that_is_no_key_is_refused_and_kept(tmp_path, size):
    path = tmp_path / "node.key"
    path.touch(0o600)
    path.write_bytes(b"k" * size)
    with pytest.raises(NodeKeyUnusable, match="not a node key"):
        load_or_create_node_key(path)
    assert path.stat().st_size == size


def test_those_who_start_at_once_get_one_key(tmp_path):
    keys = []
    threads = [
        threading.Thread(target=lambda: keys.append(load_or_create_node_key(tmp_path / "node.key"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(keys) == 8
    assert len(set(keys)) == 1
