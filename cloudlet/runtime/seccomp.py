"""The system-call filter of a function: a short list of refusals, assembled to BPF by hand.

A list of refusals, not of permissions: a function may be any program. What is refused is what a function never needs
and what kernel holes were found in. Runs inside the zygote: standard library only.
"""

import ctypes
import errno
import os
import platform
import struct

from cloudlet.runtime import linux
from cloudlet.runtime.refused_calls import (
    ALWAYS,
    ALWAYS_BY_SHARED_NUMBER,
    OF_ITSELF_ONLY,
    OWN_FILES,
    SHARED_MACHINE,
    SHARED_MACHINE_BY_SHARED_NUMBER,
)

_ALLOW, _ERRNO, _KILL, _ASK = 0x7FFF_0000, 0x0005_0000, 0x8000_0000, 0x7FC0_0000
_LOAD_WORD, _AND, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT, _SECOND_ARGUMENT_AT, _THIRD_ARGUMENT_AT = (
    0,
    4,
    16,
    24,
    32,
)  # offsets in struct seccomp_data

_NEW_NAMESPACES = (
    linux.CLONE_NEWNS
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUSER
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWCGROUP
)

_ARCHITECTURE = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_IOCTL = {"x86_64": 16, "aarch64": 29}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_SETPRIORITY = {"x86_64": 141, "aarch64": 140}
_TRUNCATE = {"x86_64": 76, "aarch64": 45}
_OPENS = {"x86_64": ((2, _SECOND_ARGUMENT_AT), (257, _THIRD_ARGUMENT_AT)), "aarch64": ((56, _THIRD_ARGUMENT_AT),)}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_CLONE3, _OPENAT2 = 435, 437
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # typing into somebody else's terminal
_X32_BIT = 0x4000_0000


def supported() -> bool:
    return platform.machine() in ALWAYS


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


_REFUSE = _op(_RETURN, _ERRNO | errno.EPERM)
_NO_SUCH_CALL = _op(_RETURN, _ERRNO | errno.ENOSYS)
_LET = _op(_RETURN, _ALLOW)


def program(machine: str, unix_sockets: bool = True, landlock_abi: int | None = None, asks: bool = False) -> bytes:
    """The filter as an array of `struct sock_filter`.

    Of sockets it lets through what a network namespace holds; VSOCK, for one, reaches the hypervisor from inside any.
    `unix_sockets` only where no socket of the machine is in reach by path or abstract name. `landlock_abi`: Landlock
    of this version, and no namespaces, is all there is besides: what it leaves open is refused here. `asks`: somebody
    listens and does what may be done (own_files.py).
    """
    ops = [
        _op(_LOAD_WORD, _ARCH_AT),
        _op(_JUMP_EQUAL, _ARCHITECTURE[machine], 1, 0),
        _op(_RETURN, _KILL),
        _op(_LOAD_WORD, _NUMBER_AT),
    ]
    if machine == "x86_64":  # the x32 interface reaches the same calls under other numbers
        ops += [_op(_JUMP_GREATER_EQUAL, _X32_BIT, 0, 1), _op(_RETURN, _KILL)]
    for number in sorted([*ALWAYS[machine].values(), *ALWAYS_BY_SHARED_NUMBER.values()]):
        ops += [_op(_JUMP_EQUAL, number, 0, 1), _REFUSE]
    if landlock_abi is not None:
        ops += _beside_landlock(machine, landlock_abi, asks)
    # clone3's flags lie in memory, where a filter cannot look: "no such call" makes libc fall back to clone.
    ops += [_op(_JUMP_EQUAL, _CLONE3, 0, 1), _NO_SUCH_CALL]
    ops += [
        _op(_JUMP_EQUAL, _CLONE[machine], 0, 4),
        _op(_LOAD_WORD, _FIRST_ARGUMENT_AT),
        _op(_JUMP_SET, _NEW_NAMESPACES, 0, 1),
        _REFUSE,
        _LET,
    ]
    ops += [
        _op(_JUMP_EQUAL, _IOCTL[machine], 0, 5),
        _op(_LOAD_WORD, _SECOND_ARGUMENT_AT),
        _op(_JUMP_EQUAL, _TIOCSTI, 1, 0),
        _op(_JUMP_EQUAL, _TIOCLINUX, 0, 1),
        _REFUSE,
        _LET,
    ]
    families = [_AF_INET, _AF_INET6, _AF_NETLINK] + ([_AF_UNIX] if unix_sockets else [])
    ops += [_op(_JUMP_EQUAL, _SOCKET[machine], 1, 0), _LET, _op(_LOAD_WORD, _FIRST_ARGUMENT_AT)]
    for family in families:
        ops += [_op(_JUMP_EQUAL, family, 0, 1), _LET]
    ops.append(_op(_RETURN, _ERRNO | errno.EAFNOSUPPORT))
    return b"".join(ops)


def _beside_landlock(machine: str, abi: int, asks: bool) -> list[bytes]:
    """What reaches the machine past Landlock. Before version 3 it does not know of truncating: by path, and by opening
    what may only be read."""
    ops: list[bytes] = []
    for number in sorted([*SHARED_MACHINE[machine].values(), *SHARED_MACHINE_BY_SHARED_NUMBER.values()]):
        ops += [_op(_JUMP_EQUAL, number, 0, 1), _REFUSE]
    for number in sorted(OWN_FILES[machine].values()):
        ops += [_op(_JUMP_EQUAL, number, 0, 1), _op(_RETURN, _ASK) if asks else _REFUSE]
    of_itself = [_op(_LOAD_WORD, _FIRST_ARGUMENT_AT), _op(_JUMP_EQUAL, 0, 1, 0), _REFUSE, _LET]
    for number in sorted(OF_ITSELF_ONLY[machine].values()):
        ops += [_op(_JUMP_EQUAL, number, 0, 4), *of_itself]
    also_second = [_op(_LOAD_WORD, _SECOND_ARGUMENT_AT), _op(_JUMP_EQUAL, 0, 1, 0), _REFUSE, _LET]
    ops += [_op(_JUMP_EQUAL, _SETPRIORITY[machine], 0, 7), *of_itself[:3], *also_second]
    if abi < 3:
        ops += [_op(_JUMP_EQUAL, _TRUNCATE[machine], 0, 1), _REFUSE, _op(_JUMP_EQUAL, _OPENAT2, 0, 1), _NO_SUCH_CALL]
        for number, flags_at in _OPENS[machine]:
            ops += [
                _op(_JUMP_EQUAL, number, 0, 7),
                _op(_LOAD_WORD, flags_at),
                _op(_AND, os.O_ACCMODE),
                _op(_JUMP_EQUAL, os.O_RDONLY, 0, 3),
                _op(_LOAD_WORD, flags_at),
                _op(_JUMP_SET, os.O_TRUNC, 0, 1),
                _REFUSE,
                _LET,
            ]
    return ops


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def install(unix_sockets: bool, landlock_abi: int | None) -> int | None:
    """Filter this process and everything it starts. Needs no_new_privs. With Landlock: the descriptor where the filter
    asks about a function's own files, unless the kernel has none to give (another filter listens already)."""
    machine = platform.machine()
    if landlock_abi is not None:
        code = program(machine, unix_sockets, landlock_abi, asks=True)
        given = ctypes.byref(_Program(len(code) // 8, code))
        try:
            return linux.syscall("seccomp", _SECCOMP[machine], _SET_MODE_FILTER, _NEW_LISTENER, given)
        except OSError:
            pass
    code = program(machine, unix_sockets, landlock_abi)
    linux.prctl(22, 2, ctypes.byref(_Program(len(code) // 8, code)))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    return None
