"""Walking a bucket's multipart uploads, by key and then by the time they began."""

from collections.abc import Iterator

from cloudlet.services.s3.keys import Contents
from cloudlet.services.s3.records import Upload
from cloudlet.services.s3.walk import ROWS_FIRST, Cursor, below, common_prefix
from cloudlet.store.transaction import Tx


def uploads(
    tx: Tx, contents: Contents, prefix: str, delimiter: str, key_marker: str, id_marker: str
) -> Iterator[tuple[str, Upload | None]]:
    """Keys with their uploads, and common prefixes (None), behind the markers."""
    space = contents.upload
    begin, end = below(space, prefix)
    if key_marker:
        rolled = common_prefix(key_marker, prefix, delimiter) if key_marker.startswith(prefix) else None
        if rolled is not None:
            begin = max(begin, below(space, rolled)[1])
        elif id_marker:
            begin = max(begin, space.key(key_marker, id_marker) + b"\x00")
        else:
            begin = max(begin, space.range(key_marker)[1])
    cursor = Cursor(tx, space, begin, end, ROWS_FIRST)
    while (name := cursor.name()) is not None:
        rolled = common_prefix(name, prefix, delimiter)
        if rolled is not None:
            yield rolled, None
            cursor.seek(below(space, rolled)[1])
        else:
            yield name, Upload.decode(cursor.take())
