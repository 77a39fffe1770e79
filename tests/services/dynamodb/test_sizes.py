"""Sizes and capacity units by AWS's documented rules."""

from typing import Any

import pytest

from cloudlet.services.dynamodb import sizes
from cloudlet.services.dynamodb.values import canonical, canonical_item


@pytest.mark.parametrize(
    ("value", "size_bytes"),
    [
        ({"S": "Fred"}, 4),
        ({"S": "é"}, 2),
        ({"N": "1234"}, 3),
        ({"B": b"12345"}, 5),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["ab", "c"]}, 3),
        ({"NS": ["1", "-2"]}, 5),
        ({"BS": [b"ab", b"cde"]}, 5),
        ({"L": []}, 3),
        ({"M": {}}, 3),
        ({"L": [{"S": "ab"}, {"BOOL": True}]}, 3 + 3 + 2),
        ({"M": {"key": {"S": "ab"}}}, 3 + 1 + 3 + 2),
    ],
)
def test_a_value_weighs_what_aws_says(value: dict[str, Any], size_bytes: int) -> None:
    assert sizes.value_bytes(canonical(value)) == size_bytes


def test_an_item_weighs_its_names_and_values() -> None:
    # Recorded on AWS: the stream record of this insert has 12 bytes, the key and the image of 6 each.
    assert sizes.item_bytes(canonical_item({"id": {"S": "Fred"}})) == 6


@pytest.mark.parametrize(
    ("size_bytes", "eventual", "consistent", "transactional"),
    [(0, 0.5, 1, 2), (1, 0.5, 1, 2), (4096, 0.5, 1, 2), (4097, 1, 2, 4), (409600, 50, 100, 200)],
)
def test_reads_cost_by_4_kb(size_bytes: int, eventual: float, consistent: float, transactional: float) -> None:
    assert sizes.read_units(size_bytes) == eventual
    assert sizes.read_units(size_bytes, consistent=True) == consistent
    assert sizes.read_units(size_bytes, transactional=True) == transactional


@pytest.mark.parametrize(("size_bytes", "units"), [(0, 1), (1024, 1), (1025, 2), (409600, 400)])
def test_writes_cost_by_1_kb(size_bytes: int, units: float) -> None:
    assert sizes.write_units(size_bytes) == units
    assert sizes.write_units(size_bytes, transactional=True) == 2 * units
