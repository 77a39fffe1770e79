"""The system-call filter of a function: a short list of refusals, assembled to BPF by hand.

A list of refusals, not of permissions: a function may be any program. What is refused is what a function never needs
and what kernel holes were found in. Runs inside the zygote: standard library only.
"""

import ctypes
import errno
import platform
import struct

from cloudlet.runtime import linux

_ALLOW, _ERRNO, _KILL = 0x7FFF_0000, 0x0005_0000, 0x8000_0000
_LOAD_WORD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT, _SECOND_ARGUMENT_AT = 0, 4, 16, 24  # offsets in struct seccomp_data

_NEW_NAMESPACES = (
    linux.CLONE_NEWNS
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUSER
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWCGROUP
)

# Numbers at 424 and above are the same on every architecture.
_SHARED_DENIED = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "open_tree_attr": 467,
}
_DENIED = {
    "x86_64": {
        "ptrace": 101,
        "syslog": 103,
        "personality": 135,
        "uselib": 134,
        "ustat": 136,
        "pivot_root": 155,
        "adjtimex": 159,
        "chroot": 161,
        "acct": 163,
        "settimeofday": 164,
        "mount": 165,
        "umount2": 166,
        "swapon": 167,
        "swapoff": 168,
        "reboot": 169,
        "sethostname": 170,
        "setdomainname": 171,
        "iopl": 172,
        "ioperm": 173,
        "create_module": 174,
        "init_module": 175,
        "delete_module": 176,
        "quotactl": 179,
        "lookup_dcookie": 212,
        "clock_settime": 227,
        "kexec_load": 246,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "migrate_pages": 256,
        "unshare": 272,
        "move_pages": 279,
        "perf_event_open": 298,
        "fanotify_init": 300,
        "name_to_handle_at": 303,
        "open_by_handle_at": 304,
        "clock_adjtime": 305,
        "setns": 308,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "kcmp": 312,
        "finit_module": 313,
        "kexec_file_load": 320,
        "bpf": 321,
        "userfaultfd": 323,
    },
    "aarch64": {
        "mount": 40,
        "umount2": 39,
        "pivot_root": 41,
        "chroot": 51,
        "acct": 89,
        "personality": 92,
        "unshare": 97,
        "kexec_load": 104,
        "init_module": 105,
        "delete_module": 106,
        "syslog": 116,
        "ptrace": 117,
        "clock_settime": 112,
        "reboot": 142,
        "sethostname": 161,
        "setdomainname": 162,
        "settimeofday": 170,
        "adjtimex": 171,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "swapon": 224,
        "swapoff": 225,
        "migrate_pages": 238,
        "move_pages": 239,
        "perf_event_open": 241,
        "fanotify_init": 262,
        "name_to_handle_at": 264,
        "open_by_handle_at": 265,
        "clock_adjtime": 266,
        "setns": 268,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "kcmp": 272,
        "finit_module": 273,
        "bpf": 280,
        "userfaultfd": 282,
        "kexec_file_load": 294,
    },
}
_ARCHITECTURE = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_IOCTL = {"x86_64": 16, "aarch64": 29}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_CLONE3 = 435
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # typing into somebody else's terminal
_X32_BIT = 0x4000_0000


def supported() -> bool:
    return platform.machine() in _DENIED


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def program(machine: str, unix_sockets: bool = True) -> bytes:
    """The filter as an array of `struct sock_filter`.

    Of sockets it lets through what a network namespace holds; VSOCK, for one, reaches the hypervisor from inside any.
    `unix_sockets` only where no socket of the machine is in reach by path or abstract name.
    """
    refuse = _op(_RETURN, _ERRNO | errno.EPERM)
    ops = [
        _op(_LOAD_WORD, _ARCH_AT),
        _op(_JUMP_EQUAL, _ARCHITECTURE[machine], 1, 0),
        _op(_RETURN, _KILL),
        _op(_LOAD_WORD, _NUMBER_AT),
    ]
    if machine == "x86_64":  # the x32 interface reaches the same calls under other numbers
        ops += [_op(_JUMP_GREATER_EQUAL, _X32_BIT, 0, 1), _op(_RETURN, _KILL)]
    for number in sorted([*_DENIED[machine].values(), *_SHARED_DENIED.values()]):
        ops += [_op(_JUMP_EQUAL, number, 0, 1), refuse]
    # clone3's flags lie in memory, where a filter cannot look: "no such call" makes libc fall back to clone.
    ops += [_op(_JUMP_EQUAL, _CLONE3, 0, 1), _op(_RETURN, _ERRNO | errno.ENOSYS)]
    ops += [
        _op(_JUMP_EQUAL, _CLONE[machine], 0, 4),
        _op(_LOAD_WORD, _FIRST_ARGUMENT_AT),
        _op(_JUMP_SET, _NEW_NAMESPACES, 0, 1),
        refuse,
        _op(_RETURN, _ALLOW),
    ]
    ops += [
        _op(_JUMP_EQUAL, _IOCTL[machine], 0, 5),
        _op(_LOAD_WORD, _SECOND_ARGUMENT_AT),
        _op(_JUMP_EQUAL, _TIOCSTI, 1, 0),
        _op(_JUMP_EQUAL, _TIOCLINUX, 0, 1),
        refuse,
        _op(_RETURN, _ALLOW),
    ]
    families = [_AF_INET, _AF_INET6, _AF_NETLINK] + ([_AF_UNIX] if unix_sockets else [])
    ops += [_op(_JUMP_EQUAL, _SOCKET[machine], 1, 0), _op(_RETURN, _ALLOW), _op(_LOAD_WORD, _FIRST_ARGUMENT_AT)]
    for family in families:
        ops += [_op(_JUMP_EQUAL, family, 0, 1), _op(_RETURN, _ALLOW)]
    ops.append(_op(_RETURN, _ERRNO | errno.EAFNOSUPPORT))
    return b"".join(ops)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def install(unix_sockets: bool) -> None:
    """Filter this process and everything it starts. Needs no_new_privs."""
    code = program(platform.machine(), unix_sockets)
    linux.prctl(22, 2, ctypes.byref(_Program(len(code) // 8, code)))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
