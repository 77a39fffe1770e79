"""Bodies too big for a value: files, counted by the store, gone when nobody refers to them or reads them.

A blob is on disk (file, then directory) before its id exists; its file is removed only after the transaction that
dropped the last reference is durable. What a crash leaves over is swept at the next opening. Hashing is the caller's.
"""

import asyncio
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cloudlet.base import ids
from cloudlet.store.disk import make_directory, sync_directory, sync_file
from cloudlet.store.errors import BlobGone, StoreBroken, StoreError, StoreFull, StoreUnwritable

_log = logging.getLogger(__name__)

SCHEME = "local:"  # which store a blob is in; others to come have their own
BUFFER_BYTES = 256 << 10
THREADS = 4
_RUN_DIGITS, _COUNT_DIGITS = 16, 16  # an id names the run that wrote it, then counts; the last two name its folder
_FULL = {28, 122}  # ENOSPC, EDQUOT


class BlobReader:
    """An open blob: it stays readable until `close`, whoever drops it meanwhile."""

    __slots__ = ("_blobs", "blob_id", "fd", "size")

    def __init__(self, blobs: "Blobs", blob_id: str, fd: int) -> None:
        self._blobs, self.blob_id, self.fd = blobs, blob_id, fd
        self.size = os.fstat(fd).st_size

    def pread(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`; fewer only at the end."""
        data = os.pread(self.fd, count, offset)
        while len(data) < count:
            part = os.pread(self.fd, count - len(data), offset + len(data))
            if not part:
                break
            data += part
        return data

    def close(self) -> None:
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)
            self._blobs._reader_closed(self.blob_id)

    def __del__(self) -> None:
        self.close()  # an answer that was given up before anybody took it

    def __enter__(self) -> "BlobReader":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class BlobWriter:
    """`await write(…)` as often as needed, then `await finish()` for the id; `abort()` in a finally is always right."""

    def __init__(self, blobs: "Blobs", blob_id: str) -> None:
        self._blobs, self.blob_id = blobs, blob_id
        self._parts: list[bytes] = []
        self._buffered = 0
        self._state = "open"
        self.size = 0
        self._lock = threading.Lock()
        self._fd = -1  # opened by the first flush, in a thread

    async def write(self, data: bytes) -> None:
        """Buffered; the file is written in a thread."""
        assert self._state == "open", f"the blob is {self._state}"
        self._parts.append(bytes(data))
        self._buffered += len(data)
        self.size += len(data)
        if self._buffered >= BUFFER_BYTES:
            await self._blobs._in_thread(self._flush)

    def _flush(self) -> None:
        with self._lock:
            if self._state == "aborted":  # the waiting side gave up before the thread began
                return
            if self._fd < 0:
                path = self._blobs._make_folder(self.blob_id)
                self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            parts, self._parts, self._buffered = self._parts, [], 0
            view = memoryview(b"".join(parts))
            while view:
                view = view[os.write(self._fd, view) :]

    async def finish(self) -> str:
        """The blob's id, once file and directory are on disk. Adopt it in a transaction, or abort."""
        assert self._state == "open", f"the blob is {self._state}"
        await self._blobs._in_thread(self._finish)
        self._blobs._fresh.add(self.blob_id)
        self._state = "finished"
        return self.blob_id

    def _finish(self) -> None:
        self._flush()
        with self._lock:
            if self._fd >= 0:
                sync_file(self._fd)
                self._close()
                sync_directory(self._blobs.path(self.blob_id).parent)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def abort(self) -> None:
        """Remove the file, unless a transaction has adopted it. Right at any time, also while a write is cancelled."""
        if self._state == "aborted" or (self._state == "finished" and not self._blobs.is_fresh(self.blob_id)):
            return
        self._state = "aborted"
        self._blobs._fresh.discard(self.blob_id)
        self._blobs._aside(self._remove)

    def _remove(self) -> None:
        with self._lock:  # a thread may still be writing: its descriptor must not become another file's
            self._close()
        self._blobs.remove(self.blob_id)


class Blobs:
    def __init__(self, directory: Path | None) -> None:
        """None: a temporary directory, made when first needed and removed at the end."""
        self._directory, self._temporary = directory, directory is None
        self._run = ids.random_bytes(_RUN_DIGITS // 2).hex()
        self._lock = threading.RLock()  # a garbage collection may unpin in the midst of anything
        self._fresh: set[str] = set()  # finished, not adopted yet
        self._readers: dict[str, int] = {}
        self._doomed: set[str] = set()  # to be removed by its last reader
        self._folders: set[Path] = set()
        self._count = 0
        self._threads: ThreadPoolExecutor | None = None
        self._sweeping: threading.Thread | None = None
        self._closing = False

    def writer(self) -> BlobWriter:
        """A new blob; nothing is on disk before it is written to."""
        self._count += 1
        return BlobWriter(self, f"{SCHEME}{self._run}{self._count:0{_COUNT_DIGITS}x}")

    def open(self, blob_id: str) -> BlobReader:
        """BlobGone if there is none."""
        with self._lock:
            self._readers[blob_id] = self._readers.get(blob_id, 0) + 1
        try:
            return BlobReader(self, blob_id, os.open(self.path(blob_id), os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            self._reader_closed(blob_id)
            if isinstance(error, FileNotFoundError):
                raise BlobGone(f"blob {blob_id} is not in this store") from None
            raise _mapped(error) from error

    def pin(self, blob_id: str) -> None:
        """Keep a blob that is referenced now until `unpin`, without opening it."""
        with self._lock:
            self._readers[blob_id] = self._readers.get(blob_id, 0) + 1

    def unpin(self, blob_id: str) -> None:
        self._reader_closed(blob_id)

    def path(self, blob_id: str) -> Path:
        assert blob_id.startswith(SCHEME), f"blob {blob_id} is in another store"
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="cloudlet-blobs-"))
        name = blob_id[len(SCHEME) :]
        return self._directory / name[-2:] / name

    def _make_folder(self, blob_id: str) -> Path:
        """The blob's path, its folder there for sure. In a thread."""
        path = self.path(blob_id)
        with self._lock:
            for folder in (path.parent.parent, path.parent):
                if folder not in self._folders:
                    make_directory(folder)
                    self._folders.add(folder)
        return path

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "store-blobs")
        return self._threads

    async def _in_thread(self, function: Callable[[], None]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool(), function)
        except OSError as error:
            mapped = _mapped(error)
            raise (StoreUnwritable(str(mapped)) if isinstance(mapped, StoreBroken) else mapped) from error

    def is_fresh(self, blob_id: str) -> bool:
        """Finished, and not adopted by any transaction yet."""
        return blob_id in self._fresh

    def is_of_this_run(self, blob_id: str) -> bool:
        """Written since this store was opened: finished, adopted or still being written."""
        return blob_id.startswith(SCHEME + self._run)

    def check_adoptable(self, blob_id: str, count: int) -> None:
        if count < 1 and blob_id not in self._fresh:
            raise BlobGone(f"blob {blob_id} cannot be adopted: its last reference was dropped")

    def adopted(self, blob_id: str) -> None:
        """A transaction that refers to it was applied."""
        self._fresh.discard(blob_id)

    def discard(self, blob_id: str) -> None:
        """Remove a finished one that no transaction has adopted."""
        assert blob_id in self._fresh, f"blob {blob_id} is in use"
        self._fresh.discard(blob_id)
        self.remove(blob_id)

    def remove(self, blob_id: str) -> None:
        """Unlink it, or leave that to its last reader. Only for blobs whose end is durable."""
        with self._lock:
            if blob_id in self._readers:
                self._doomed.add(blob_id)
                return
        self._unlink(blob_id)

    def _unlink(self, blob_id: str) -> None:
        self._aside(lambda: self._unlink_now(blob_id))

    def _aside(self, function: Callable[[], None]) -> None:
        """In a thread if a loop is running here: a large file takes its time to go."""
        if asyncio._get_running_loop() is None or self._closing:
            function()
        else:
            self._pool().submit(function)

    def _unlink_now(self, blob_id: str) -> None:
        try:
            os.unlink(self.path(blob_id))
        except FileNotFoundError:
            pass
        except OSError as error:  # left over; swept at the next opening
            _log.warning("blob %s could not be removed: %s", blob_id, error)

    def _reader_closed(self, blob_id: str) -> None:
        with self._lock:
            left = self._readers[blob_id] - 1
            if left:
                self._readers[blob_id] = left
                return
            del self._readers[blob_id]
            doomed = blob_id in self._doomed
            self._doomed.discard(blob_id)
        if doomed:
            self._unlink(blob_id)

    def ids(self) -> Iterator[str]:
        """Every blob that has a file, finished or not."""
        if self._directory is None or not self._directory.is_dir():
            return
        for folder in sorted(self._directory.iterdir()):
            with os.scandir(folder) as entries:
                for entry in entries:
                    yield SCHEME + entry.name

    def sweep(self, is_referenced: Callable[[str], bool]) -> int:
        """Remove files of earlier runs that nothing refers to; how many. Safe beside everything else, in any thread:
        only this run's blobs and referenced ones can be adopted."""
        removed = 0
        for blob_id in self.ids():
            if self._closing:
                break
            if not self.is_of_this_run(blob_id) and not is_referenced(blob_id):
                self.remove(blob_id)
                removed += 1
        return removed

    def sweep_aside(self, is_referenced: Callable[[str], bool]) -> None:
        """Sweep in a thread."""
        self._sweeping = threading.Thread(target=self.sweep, args=(is_referenced,), name="store-sweep", daemon=True)
        self._sweeping.start()

    def wait_quiet(self) -> None:
        """Until the sweep, and whatever else goes on in threads, is done."""
        if self._sweeping is not None:
            self._sweeping.join()
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()

    def close(self) -> None:
        self._closing = True
        self.wait_quiet()
        if self._temporary and self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


def _mapped(error: OSError) -> StoreError:
    if error.errno in _FULL:
        return StoreFull(f"no space left for a blob: {error}")
    return StoreBroken(f"a blob failed: {error}")
