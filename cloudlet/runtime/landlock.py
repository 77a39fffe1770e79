"""Landlock: a process gives up the file system but for what is listed, without needing any right to do so.

Runs inside the zygote: standard library only.
"""

import ctypes
import os
import stat
import struct

from cloudlet.runtime import linux

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FILES_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
READ = _EXECUTE | _READ_FILE | _READ_DIR
_SCOPE_ABSTRACT_UNIX, _SCOPE_SIGNAL = 1, 2
_BIND_TCP, _CONNECT_TCP = 1, 2


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "network", "scoped")]


class _PortRule(ctypes.Structure):
    _fields_ = [("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64)]


def abi() -> int:
    """The version of Landlock in force; 0 = none. 3 adds truncating, 4 TCP ports, 5 devices' ioctl, 6 signals and
    abstract sockets: what a version does not know it does not refuse."""
    try:
        return linux.syscall("landlock", _CREATE, None, 0, 1)
    except OSError:
        return 0


def _all_file_rights(version: int) -> int:
    rights = (1 << 13) - 1
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        if version >= since:
            rights |= right
    return rights


def restrict(readable: list[str], writable: list[str], connect_ports: list[int], version: int) -> None:
    """From here on this process sees only these trees, may connect only to these TCP ports and listen at none (ABI 4),
    and may signal only processes restricted with it (ABI 6). Needs no_new_privs. `version`: at most the kernel's."""
    everything = _all_file_rights(version)
    ruleset = _Ruleset(
        everything,
        _BIND_TCP | _CONNECT_TCP if version >= 4 else 0,
        _SCOPE_ABSTRACT_UNIX | _SCOPE_SIGNAL if version >= 6 else 0,
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = linux.syscall("landlock_create_ruleset", _CREATE, ctypes.byref(ruleset), size, 0)
    try:
        for paths, rights in ((readable, READ), (writable, everything)):
            for path in paths:
                _allow_path(rules, path, rights & everything)
        if version >= 4:
            for port in connect_ports:
                rule = _PortRule(_CONNECT_TCP, port)
                linux.syscall("landlock_add_rule", _ADD_RULE, rules, 2, ctypes.byref(rule), 0)
        linux.syscall("landlock_restrict_self", _RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _allow_path(rules: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _FILES_ONLY
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, fd), 12)  # the kernel's struct is packed
        linux.syscall("landlock_add_rule", _ADD_RULE, rules, 1, ctypes.byref(rule), 0)
    finally:
        os.close(fd)
