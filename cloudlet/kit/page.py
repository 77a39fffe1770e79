"""Lists page by page: where one goes on is a next-token, opaque to the client."""

import base64
import binascii
from typing import NamedTuple

from cloudlet.store.engine import Row
from cloudlet.store.keys import Subspace, pack, unpack
from cloudlet.store.transaction import Tx


class Page(NamedTuple):
    rows: list[Row]
    next_token: str | None


def scan_page(tx: Tx, bounds: tuple[bytes, bytes], *, limit: int, token: str | None, invalid: Exception) -> Page:
    """Up to `limit` rows within `bounds`, going on where `token` (of an earlier page) says; raises `invalid` for a
    token that isn't one of this list's."""
    begin, end = bounds
    shared = next((at for at, (low, high) in enumerate(zip(begin, end)) if low != high), min(len(begin), len(end)))
    if token is not None:
        (position,) = decode_token(token, invalid, bytes)
        begin = max(begin, begin[:shared] + position)
    if begin >= end:
        return Page([], None)
    found = tx.scan(begin, end, limit=limit)
    return Page(found.rows, encode_token(found.resume[shared:]) if found.resume is not None else None)


def first(tx: Tx, begin: bytes, end: bytes, limit: int, *, reverse: bool = False) -> list[Row]:
    """The first `limit` rows, however large; fewer are all there are. For small limits: nothing else ends it."""
    rows: list[Row] = []
    while True:
        part, resume = tx.scan(begin, end, limit=limit - len(rows), reverse=reverse)
        rows += part
        if resume is None or len(rows) == limit:
            return rows
        begin, end = (begin, resume) if reverse else (resume, end)


def delete_first(tx: Tx, begin: bytes, end: bytes, limit: int) -> bytes | None:
    """Delete up to `limit` rows; where the rest begins, None if that was all. A step that begins at the start again
    would walk over what the earlier ones deleted."""
    found = tx.scan(begin, end, limit=limit)
    for key, _ in found.rows:
        tx.delete(key)
    return found.resume


def encode_token(*position: str | int | bytes) -> str:
    """A token that `decode_token` turns back into `position`."""
    return base64.urlsafe_b64encode(pack(position)).decode()


def decode_token(token: str, invalid: Exception, *kinds: type) -> tuple:
    """The position behind a token of ours, whose items must be of these `kinds` if any are given; raises `invalid` for
    anything else, the token of another list included."""
    try:
        position = unpack(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, IndexError, UnicodeDecodeError) as error:
        raise invalid from error
    if kinds and tuple(type(item) for item in position) != kinds:
        raise invalid
    return position


def names_from(space: Subspace, prefix: str) -> tuple[bytes, bytes]:
    """Bounds of the keys in `space` whose first item is text beginning with `prefix`."""
    begin = space.prefix + pack((prefix,))[:-1]  # without the mark that ends the text
    return begin, begin + b"\xff"
