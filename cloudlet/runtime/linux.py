"""The system calls the sandbox needs and Python (3.11) lacks, by ctypes. Knows the kernel, not functions.

Runs inside the zygote too, so it imports the standard library only.
"""

import ctypes
import fcntl
import os
import platform
import socket
import struct

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP = 0x1000_0000, 0x2000_0000, 0x4000_0000, 0x0200_0000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
PR_SET_CHILD_SUBREAPER, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 36, 47, 4

MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
AT_FDCWD, AT_RECURSIVE = -100, 0x8000

# mount_setattr, landlock_* and pidfd_* have one number on every architecture; pivot_root and capset do not.
SYS_MOUNT_SETATTR = 442
SYS_PIVOT_ROOT, SYS_CAPSET = {"x86_64": (155, 126), "aarch64": (41, 91)}.get(platform.machine(), (-1, -1))

_libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """`result`, or OSError naming `what` was tried."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(what: str, number: int, *arguments: object) -> int:
    as_c = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return check(_libc.syscall(ctypes.c_long(number), *as_c), what)


def unshare(flags: int) -> None:
    check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    result = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    check(result, f"mount {source} on {target}")


def bind(source: str, target: str) -> None:
    mount(source, target, None, MS_BIND | MS_REC)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def restrict_mount(path: str, attributes: int) -> None:
    """Set mount attributes on `path` and every mount below it (Linux 5.12)."""
    attr = _MountAttributes(attributes, 0, 0, 0)
    syscall(
        f"mount_setattr {path}",
        SYS_MOUNT_SETATTR,
        AT_FDCWD,
        ctypes.c_char_p(os.fsencode(path)),
        AT_RECURSIVE,
        ctypes.byref(attr),
        ctypes.sizeof(attr),
    )


def unmount(path: str) -> None:
    check(_libc.umount2(os.fsencode(path), MNT_DETACH), f"umount {path}")


def set_times(path: str, times: bytes | None) -> None:
    """utimensat; `times` are the two struct timespec, None: now."""
    check(_libc.utimensat(AT_FDCWD, os.fsencode(path), times, 0), f"utimensat {path}")


def pivot_root(new_root: str, put_old: str) -> None:
    syscall(
        "pivot_root",
        SYS_PIVOT_ROOT,
        ctypes.c_char_p(os.fsencode(new_root)),
        ctypes.c_char_p(os.fsencode(put_old)),
    )


def prctl(option: int, first: int = 0, second: object = 0) -> None:
    other = ctypes.c_ulong(second) if isinstance(second, int) else second
    result = _libc.prctl(ctypes.c_int(option), ctypes.c_ulong(first), other, ctypes.c_ulong(0), ctypes.c_ulong(0))
    check(result, f"prctl {option}")


def die_with_parent(parent: int) -> None:
    """SIGKILL for this process when its parent ends; `parent` = its id as this process sees it (0: another pid
    namespace), to find one that was gone before we asked."""
    prctl(PR_SET_PDEATHSIG, 9)
    if os.getppid() != parent:
        os._exit(1)


def drop_capabilities() -> None:
    """Leave no capability in any set, now or after exec."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # past the last one the kernel knows, or no right to drop: then there is nothing to drop
    try:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError:
        pass  # kernels before 4.3 have no ambient set
    header = (ctypes.c_uint32 * 2)(0x2008_0522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    sets = (ctypes.c_uint32 * 6)()
    syscall("capset", SYS_CAPSET, ctypes.byref(header), ctypes.byref(sets))


def set_hostname(name: str) -> None:
    encoded = name.encode()
    check(_libc.sethostname(encoded, ctypes.c_size_t(len(encoded))), "sethostname")


def bring_up_loopback() -> None:
    """`ip link set lo up` in the network namespace of the calling process."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh22x", b"lo", 1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(probe.fileno(), 0x8914, request)  # SIOCSIFFLAGS


def map_user(pid: int | str, uid_lines: str, gid_lines: str, forbid_setgroups: bool) -> None:
    """Write the user and group maps of a new user namespace."""
    if forbid_setgroups:
        with open(f"/proc/{pid}/setgroups", "w") as file:
            file.write("deny")
    for name, lines in (("uid_map", uid_lines), ("gid_map", gid_lines)):
        with open(f"/proc/{pid}/{name}", "w") as file:
            file.write(lines)
