"""Keys sort as their tuples do, and come back whole."""

import random

import pytest

from cloudlet.store.keys import Subspace, pack, unpack

_TEXTS = ["", "a", "a\x00", "a\x00b", "a\xff", "aa", "b", "é", "\uffff", "\U0001f600", "\x00", "\x00\x00", "\x01"]
_NUMBERS = [0, 1, 2, 255, 256, 257, 65535, 65536, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**200]


def _rank(item):
    """The order that keys.py promises, between types too."""
    if item is None or isinstance(item, bool):
        return (0, (None, False, True).index(item))
    if isinstance(item, int):
        return (1, item)
    return (2, item) if isinstance(item, bytes) else (3, item.encode("utf-8", "surrogatepass"))


def _random_item(chance):
    return chance.choice(
        [
            lambda: chance.choice(_TEXTS),
            lambda: chance.choice(_TEXTS).encode(),
            lambda: chance.choice(_NUMBERS) * chance.choice((1, -1)) + chance.choice((-1, 0, 1)),
            lambda: chance.randrange(-(2**70), 2**70),
            lambda: bytes(chance.choices((0, 1, 254, 255), k=chance.randrange(5))),
            lambda: chance.choice((None, False, True)),
        ]
    )()


def test_random_tuples_come_back_and_sort_like_their_keys():
    chance = random.Random(1)
    tuples = [tuple(_random_item(chance) for _ in range(chance.randrange(1, 4))) for _ in range(1500)]
    for items in tuples:
        back = unpack(pack(items))
        assert back == items and [type(item) for item in back] == [type(item) for item in items]
    by_key = sorted(tuples, key=pack)
    assert [[_rank(item) for item in items] for items in by_key] == sorted([_rank(i) for i in t] for t in tuples)


@pytest.mark.parametrize("number", _NUMBERS)
def test_integers_sort_across_every_width_and_sign(number):
    around = [-number - 1, -number, -number + 1, number - 1, number, number + 1]
    assert [unpack(key)[0] for key in sorted({pack((n,)) for n in around})] == sorted(set(around))


def test_text_sorts_by_its_utf8_bytes_where_utf16_would_differ():
    assert pack(("\uffff",)) < pack(("\U0001f600",))


def test_a_lone_surrogate_comes_back():
    assert unpack(pack(("\ud800",))) == ("\ud800",)


def test_no_key_begins_with_the_byte_that_is_the_stores_own():
    assert all(pack((item,))[0] for item in [None, False, True, 0, -1, -(2**500), b"", b"\x00", "", "\x00"])


def test_an_integer_too_wide_for_a_key_is_refused():
    pack((2 ** (8 * 255) - 1,))
    with pytest.raises(ValueError, match="256 bytes"):
        pack((2 ** (8 * 255),))


def test_other_types_are_refused_by_name():
    with pytest.raises(TypeError, match="float"):
        pack((1.5,))


@pytest.mark.parametrize("key", [b"\x00", b'"abc', b"\x16\x01", b"\xfe", b"\x1d", b"\x0b", b"\x1d\x05\x01"])
def test_bytes_that_are_no_key_are_refused(key):
    with pytest.raises(ValueError, match="not a packed key"):
        unpack(key)


def test_a_subspace_gives_back_what_was_put_behind_its_prefix():
    messages = Subspace("sqs", "000000000000", "us-east-1")["m", "orders"]
    assert messages.unpack(messages.key(7, "id")) == (7, "id")
    assert messages == Subspace("sqs", "000000000000", "us-east-1")["m"]["orders"]


def test_a_range_holds_everything_below_and_nothing_beside():
    queues = Subspace("sqs")["q"]
    begin, end = queues.range("a")
    below = [queues.key("a", item) for item in (None, False, 0, -5, 2**300, b"\xff\xff", "", "\U0010ffff")]
    beside = [
        queues.key("a"),
        queues.key("a\x00", 1),
        queues.key("b"),
        queues.key("aa", 1),
        Subspace("sqs")["r"].key(1),
    ]
    assert all(begin <= key < end for key in below)
    assert not any(begin <= key < end for key in beside)


def test_a_key_of_another_subspace_is_not_unpacked():
    with pytest.raises(ValueError, match="not in the subspace"):
        Subspace("sqs").unpack(Subspace("sns").key("a"))
