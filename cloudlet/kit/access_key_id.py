"""Access key ids: 20 characters that carry, as AWS's do, the account they belong to.

After the prefix (AKIA: of a user, ASIA: of a session) stand 80 bits in base 32: one that is set, 40 of the account's
number, 39 of chance.
"""

import base64
import binascii

from cloudlet.base import ids

LENGTH = 20
_CHANCE_BITS = 39


def new_access_key_id(prefix: str, account: str) -> str:
    chance = int(ids.hexadecimal(10), 16) >> 1
    number = 1 << 79 | int(account) << _CHANCE_BITS | chance
    return prefix + base64.b32encode(number.to_bytes(10, "big")).decode("ascii")


def account_of(access_key_id: str) -> str | None:
    """The account that an access key id names; None for what is no such id."""
    if len(access_key_id) != LENGTH:
        return None
    try:
        number = int.from_bytes(base64.b32decode(access_key_id[4:]), "big")
    except (binascii.Error, ValueError):
        return None
    account = number >> _CHANCE_BITS & ((1 << 40) - 1)
    return f"{account:012d}" if number >> 79 and account < 10**12 else None
