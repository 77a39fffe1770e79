"""Next-tokens: where a list goes on, opaque to the client."""

import base64
import binascii

from cloudlet.store.keys import Subspace, pack, unpack


def encode_token(*position: str | int | bytes) -> str:
    """A token that `decode_token` turns back into `position`."""
    return base64.urlsafe_b64encode(pack(position)).decode()


def decode_token(token: str, invalid: Exception) -> tuple:
    """The position behind a token of ours; raises `invalid` for anything else."""
    try:
        return unpack(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, IndexError, UnicodeDecodeError) as error:
        raise invalid from error


def names_from(space: Subspace, prefix: str) -> tuple[bytes, bytes]:
    """Bounds of the keys in `space` whose first item is text beginning with `prefix`."""
    begin = space.prefix + pack((prefix,))[:-1]  # without the mark that ends the text
    return begin, begin + b"\xff"
