"""Access key ids carry their account."""

import pytest

from cloudlet.kit.access_key_id import account_of, new_access_key_id


@pytest.mark.parametrize("account", ["000000000000", "000000000001", "123456789012", "999999999999"])
@pytest.mark.parametrize("prefix", ["AKIA", "ASIA"])
def test_the_account_is_read_from_the_key_id(prefix: str, account: str) -> None:
    made = new_access_key_id(prefix, account)
    assert made.startswith(prefix) and len(made) == 20 and made.isalnum() and made.isupper()
    assert account_of(made) == account


def test_ids_differ() -> None:
    assert len({new_access_key_id("AKIA", "000000000000") for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "text", ["", "test", "AKIA0123456789012345", "AKIAAAAAAAAAAAAAAAAA", "akiaqaaaaaaahelpqyhr", "x" * 21]
)
def test_other_texts_are_of_no_account(text: str) -> None:
    assert account_of(text) is None
