"""What a function sees: its root directory, its user, its limits. Runs inside the zygote: standard library only.

Two steps. `enter_base_root` once per zygote: a user and a mount namespace whose root holds, read-only, what every
function shares (system libraries, the interpreter, boto3). Then per environment `enter_namespaces` (pid, mount, net,
ipc, uts) and `furnish` (its code, layers, /tmp, /proc), and `confine` in the process that will run the function.
"""

import os
import resource
import socket
from typing import Any

from cloudlet.runtime import landlock, linux, seccomp

FUNCTION_UID, FUNCTION_GID = 993, 990  # as AWS numbers the function's user
HOST = "/.host"  # the machine's own root, until `furnish` detaches it

_SYSTEM_TREES = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store")
_SYSTEM_CONFIGURATION = (
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/mime.types",
    "/etc/localtime",
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
_OPEN_FILES_MAX, _PROCESSES_MAX, _SHM_MB = 1024, 1024, 64

_ETC = {
    "passwd": f"root:x:0:0::/root:/sbin/nologin\nsbx_user1051:x:{FUNCTION_UID}:{FUNCTION_GID}::/tmp:/sbin/nologin\n",
    "group": f"root:x:0:\nsbx_user1051:x:{FUNCTION_GID}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def enter_base_root(plan: dict[str, Any]) -> None:
    """Build the root every environment shares, and make it ours. The user namespace is mapped already."""
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    root = plan["root"]
    linux.mount("tmpfs", root, "tmpfs", 0, "mode=755,size=4m")
    for directory in ("proc", "dev", "dev/shm", "etc", "tmp", "opt", "var/task", "var/runtime", HOST.lstrip("/")):
        os.makedirs(f"{root}/{directory}", exist_ok=True)
    for name, content in _ETC.items():
        _write(f"{root}/etc/{name}", content)
    _write(f"{root}/etc/resolv.conf", "" if plan["private_network"] else _read("/etc/resolv.conf"))
    for path in (*_SYSTEM_TREES, *_SYSTEM_CONFIGURATION, *plan["prefixes"]):
        _show(root, path, path)
    for source, target in plan["runtime_files"]:
        _show(root, source, target)
    os.symlink(plan["prefixes"][0], f"{root}/var/lang")
    for name in _DEVICES:
        _show(root, f"/dev/{name}", f"/dev/{name}")
    for link, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1")):
        os.symlink(target, f"{root}/dev/{link}")
    os.symlink("/proc/self/fd/2", f"{root}/dev/stderr")
    for path in plan["hidden"]:
        if os.path.isdir(root + path):
            linux.mount("tmpfs", root + path, "tmpfs", 0, "mode=000,size=4k")
    linux.bind("/proc", f"{root}/proc")  # the kernel gives a new /proc only where a whole one is in sight
    linux.restrict_mount(root, linux.MOUNT_ATTR_RDONLY | linux.MOUNT_ATTR_NOSUID)
    linux.pivot_root(root, root + HOST)
    os.chdir("/")


def _write(path: str, content: str) -> None:
    with open(path, "w") as file:
        file.write(content)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def _show(root: str, source: str, target: str) -> None:
    """Let `source` appear at `target` under `root`; links stay links, what does not exist is left out."""
    place = root + target
    if os.path.lexists(place) and not (os.path.isdir(place) and not os.listdir(place)):
        return  # inside something shown already
    os.makedirs(os.path.dirname(place), exist_ok=True)
    if os.path.islink(source) and source in _SYSTEM_TREES:
        os.symlink(os.readlink(source), place)
        return
    if os.path.isdir(source):
        os.makedirs(place, exist_ok=True)
    elif os.path.exists(source):
        _write(place, "")
    else:
        return
    linux.bind(source, place)


def enter_namespaces(private_network: bool) -> None:
    """New pid (for the next child), mount, ipc, uts and, if asked, net namespaces."""
    flags = linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
    linux.unshare(flags | (linux.CLONE_NEWNET if private_network else 0))
    if private_network:
        linux.bring_up_loopback()
    linux.set_hostname("169-254-100-1")


def listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    listener.setblocking(False)
    return listener


def furnish(request: dict[str, Any], plan: dict[str, Any], uid: int) -> None:
    """Mount what belongs to this environment alone, then detach the machine's own root."""
    linux.bind(HOST + request["code_dir"], "/var/task")
    linux.restrict_mount("/var/task", _READ_ONLY)
    _mount_layers(request["layer_dir"], plan["prefixes"])
    owner = f"uid={uid},gid={uid},mode=755"
    flags = linux.MS_NOSUID | linux.MS_NODEV
    linux.mount("tmpfs", "/tmp", "tmpfs", flags, f"size={request['tmp_mb']}m,nr_inodes=200k,{owner}")
    _restore_prefixes("/tmp", plan["prefixes"])
    linux.mount("tmpfs", "/dev/shm", "tmpfs", flags, f"size={_SHM_MB}m,{owner}")
    linux.mount("proc", "/proc", "proc", flags | linux.MS_NOEXEC)
    linux.unmount(HOST)


_READ_ONLY = linux.MOUNT_ATTR_RDONLY | linux.MOUNT_ATTR_NOSUID | linux.MOUNT_ATTR_NODEV


def _mount_layers(layer_dir: str | None, prefixes: list[str]) -> None:
    covered = [prefix for prefix in prefixes if prefix.startswith("/opt/")]
    if covered:  # the interpreter itself lives in /opt: keep it beside the layers
        linux.mount("tmpfs", "/opt", "tmpfs", 0, "mode=755,size=1m")
        for name in os.listdir(HOST + layer_dir) if layer_dir else []:
            _show("", f"{HOST}{layer_dir}/{name}", f"/opt/{name}")
        _restore_prefixes("/opt", prefixes)
    elif layer_dir:
        linux.bind(HOST + layer_dir, "/opt")
    else:
        return
    linux.restrict_mount("/opt", _READ_ONLY)


def _restore_prefixes(mount_point: str, prefixes: list[str]) -> None:
    for prefix in prefixes:
        if prefix.startswith(mount_point + "/"):
            os.makedirs(prefix, exist_ok=True)
            linux.bind(HOST + prefix, prefix)
            linux.restrict_mount(prefix, _READ_ONLY)


def confine(request: dict[str, Any], plan: dict[str, Any], uid: int) -> int | None:
    """Give up everything a function must not have; nothing after this can undo it. The descriptor is the init's, which
    serves on it (own_files.py)."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES_MAX, _OPEN_FILES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if plan["level"] == "none":
        return None
    if plan["level"] == "namespaces":
        resource.setrlimit(resource.RLIMIT_NPROC, (_PROCESSES_MAX, _PROCESSES_MAX))
        _become_function_user(uid)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    if plan["level"] == "landlock":
        megabytes = request["tmp_mb"] * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_FSIZE, (megabytes, megabytes))
        landlock.restrict(request["readable"], request["writable"], request["ports"], plan["landlock_abi"])
    linux.drop_capabilities()
    return seccomp.install(plan["private_network"], plan["landlock_abi"])


def _become_function_user(uid: int) -> None:
    """Another user, and a user namespace below the one that owns the mounts: its powers end at its own processes."""
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        linux.prctl(linux.PR_SET_DUMPABLE, 1)  # a changed user makes /proc/self root's, and the maps unwritable
    linux.unshare(linux.CLONE_NEWUSER)
    linux.map_user("self", f"{FUNCTION_UID} {uid} 1", f"{FUNCTION_GID} {uid} 1", forbid_setgroups=True)
