"""Modes and times of a function's own files, where Landlock isolates.

Landlock does not look at chmod and utimensat, so the filter refuses them; but a program that unpacks or copies files
needs them in its /tmp. The kernel hands such a call to the environment's init, which does it in its stead, on that
one directory. Runs inside the zygote: standard library only.

https://docs.kernel.org/userspace-api/seccomp_filter.html#userspace-notification
"""

import ctypes
import errno
import fcntl
import os
import platform
import struct

from cloudlet.runtime import linux
from cloudlet.runtime.refused_calls import OWN_FILES

_RECEIVE, _SEND, _IS_VALID = 0xC050_2100, 0xC018_2101, 0x4008_2102
_NOTICE = struct.Struct("=QIIiIQ6Q")  # id, pid, flags; struct seccomp_data
_ANSWER = struct.Struct("=QqiI")
_NOFOLLOW, _EMPTY_PATH = 0x100, 0x1000
_PATH_BYTES_MAX, _PAGE = 4096, 4096
_TIMES_BYTES = 32
_SET_ID = 0o6000  # a program that is another user's: nothing a function may leave on this machine

_NAMES = {number: name for name, number in OWN_FILES.get(platform.machine(), {}).items()}


class Refused(Exception):
    """The errno is the argument."""


def serve(listener: int, directory: str) -> None:
    """Answer one call. `directory`: without links in its name."""
    notice = bytearray(_NOTICE.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, notice)
    except OSError:
        return  # the caller ended meanwhile
    notice_id, pid, _, number, _, _, *arguments = _NOTICE.unpack(notice)
    try:
        _do(_NAMES[number], pid, arguments, directory, listener, notice_id)
        error = 0
    except Refused as refused:
        error = refused.args[0]
    except OSError as problem:
        error = problem.errno or errno.EPERM
    try:
        fcntl.ioctl(listener, _SEND, _ANSWER.pack(notice_id, 0, -error, 0))
    except OSError:
        pass  # the caller ended meanwhile


def _do(name: str, pid: int, arguments: list[int], directory: str, listener: int, notice_id: int) -> None:
    at, path, value, flags = _placed(name, arguments)
    times = None
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        text = _text(memory.fileno(), path) if path else b""
        if name == "utimensat" and value:
            times = os.pread(memory.fileno(), _TIMES_BYTES, value)
    fcntl.ioctl(listener, _IS_VALID, struct.pack("=Q", notice_id))  # else what was read is another process's
    target = os.open(_target(pid, at, text, flags), os.O_PATH | os.O_CLOEXEC | (flags & _NOFOLLOW and os.O_NOFOLLOW))
    try:
        itself = f"/proc/self/fd/{target}"
        found = os.readlink(itself)
        if found != directory and not found.startswith(directory + "/"):
            raise Refused(errno.EPERM)
        if name == "utimensat":
            linux.set_times(itself, times)
        elif value & _SET_ID:
            raise Refused(errno.EPERM)
        else:
            os.chmod(itself, value & 0o1777)
    finally:
        os.close(target)


def _placed(name: str, arguments: list[int]) -> tuple[int, int, int, int]:
    """Directory, address of the path, mode or address of the times, flags."""
    first, second, third, fourth = arguments[:4]
    if name == "chmod":
        return linux.AT_FDCWD, first, second, 0
    if name == "fchmod":
        return _signed(first), 0, second, _EMPTY_PATH
    flags = 0 if name == "fchmodat" else fourth & 0xFFFF_FFFF
    if name == "utimensat" and not second:
        flags |= _EMPTY_PATH
    return _signed(first), second, third, flags


def _signed(word: int) -> int:
    return ctypes.c_int(word & 0xFFFF_FFFF).value


def _text(memory: int, address: int) -> bytes:
    """A path in the caller's memory; page by page, as the next one may not be there."""
    found = b""
    while b"\0" not in found:
        if len(found) >= _PATH_BYTES_MAX:
            raise Refused(errno.ENAMETOOLONG)
        at = address + len(found)
        found += os.pread(memory, _PAGE - at % _PAGE, at)
    return found.partition(b"\0")[0]


def _target(pid: int, at: int, text: bytes, flags: int) -> bytes:
    base = f"/proc/{pid}/cwd" if at == linux.AT_FDCWD else f"/proc/{pid}/fd/{at}"
    if text:
        return text if text.startswith(b"/") else os.fsencode(base) + b"/" + text
    if not flags & _EMPTY_PATH:
        raise Refused(errno.ENOENT)
    return os.fsencode(base)
