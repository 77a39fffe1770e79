"""The consistency walk: reads everything, and says what does not fit. Changes nothing."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from cloudlet.store import blob_counts, keys, values
from cloudlet.store.blobs import Blobs
from cloudlet.store.engine import Engine, Row
from cloudlet.store.errors import BlobGone, StoreBroken

_ROWS = 1000
_BYTES = 1 << 20
_FINDINGS_MAX = 1000


class Finding(NamedTuple):
    kind: str  # damaged, key, value, chunk, blob missing, blob unreferenced
    where: str
    what: str


def check(engine: Engine, blobs: Blobs, progress: Callable[[int], None] | None = None) -> list[Finding]:
    """What is wrong, at most a thousand findings. `progress` is told the rows read so far."""
    findings: list[Finding] = []
    rows_read = 0
    try:
        for key, raw in _rows(engine):
            rows_read += 1
            if rows_read % _ROWS == 0 and progress is not None:
                progress(rows_read)
            if len(findings) < _FINDINGS_MAX:
                findings.extend(_row_findings(key, raw, engine, blobs))
        findings.extend(_left_over_blobs(engine, blobs))
    except StoreBroken as error:
        findings.append(Finding("damaged", f"after row {rows_read}", str(error)))
    if progress is not None:
        progress(rows_read)
    return findings[:_FINDINGS_MAX]


def _rows(engine: Engine) -> Iterator[Row]:
    begin, more = b"\x00", True
    while more:
        rows, more = engine.scan(begin, b"\xff" * 16, _ROWS, _BYTES, False, patient=True)
        yield from rows
        if more:
            begin = rows[-1][0] + b"\x00"


def _row_findings(key: bytes, raw: bytes, engine: Engine, blobs: Blobs) -> Iterator[Finding]:
    if key.startswith(values.CHUNK):
        yield from _chunk_findings(key, engine)
    elif key.startswith(blob_counts.BLOB):
        yield from _blob_findings(key, blobs)
    elif key[0]:
        try:
            keys.unpack(key)
        except ValueError as error:
            yield Finding("key", key.hex(), str(error))
        yield from _value_findings(key, raw, engine)


def _value_findings(key: bytes, raw: bytes, engine: Engine) -> Iterator[Finding]:
    if not raw:
        yield Finding("value", key.hex(), "has no tag")
    elif values.is_head(raw):
        try:
            values.join(key, raw, engine.get)
        except StoreBroken as error:
            yield Finding("value", key.hex(), str(error))


def _chunk_findings(chunk: bytes, engine: Engine) -> Iterator[Finding]:
    key, index = values.owner_of_chunk(chunk)
    owner = engine.get(key)
    if owner is None or not values.is_head(owner) or index >= values.head(owner)[1]:
        yield Finding("chunk", key.hex(), f"chunk {index} belongs to no value")


def _blob_findings(key: bytes, blobs: Blobs) -> Iterator[Finding]:
    blob_id = blob_counts.blob_id_of(key)
    try:
        blobs.open(blob_id).close()
    except BlobGone:
        yield Finding("blob missing", blob_id, "is referred to, but its file is gone")


def _left_over_blobs(engine: Engine, blobs: Blobs) -> Iterator[Finding]:
    for blob_id in blobs.ids():
        if engine.get(blob_counts.key(blob_id)) is None and not blobs.is_of_this_run(blob_id):
            yield Finding("blob unreferenced", blob_id, "its file is there, but nothing refers to it")
