"""The words and figures of a function's log, the bounded log, the filter's program."""

import json
import os
import struct
from pathlib import Path

import pytest

from cloudlet.runtime import report, seccomp
from cloudlet.runtime.cgroups import Cgroups
from cloudlet.runtime.log_ring import LogRing
from cloudlet.runtime.memory import MemoryMeter


def test_the_report_line_is_AWSs_to_the_byte() -> None:
    line = report.report_line("id", 1.234, 128, 40, 90.0)
    assert line == (
        b"REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t"
        b"Max Memory Used: 40 MB\tInit Duration: 90.00 ms\t\n"
    )


@pytest.mark.parametrize(
    ("duration_ms", "billed"), [(0.0, 1), (0.99, 1), (1.0, 1), (1.001, 1), (1.01, 2), (3000.0, 3000)]
)
def test_what_is_billed_is_the_duration_shown_rounded_up(duration_ms: float, billed: int) -> None:
    assert report.billed_ms(duration_ms) == billed


def test_an_exit_is_told_by_status_or_signal() -> None:
    assert report.exit_text(0) == "Runtime exited without providing a reason"
    assert report.exit_text(7) == "Runtime exited with error: exit status 7"
    assert report.exit_text(-6) == "Runtime exited with error: signal: aborted"
    assert report.exit_text(None) == "Runtime exited with error: signal: killed"


def test_a_start_error_gets_the_request_id_before_its_stack() -> None:
    given = json.dumps({"errorMessage": "m", "errorType": "T", "stackTrace": []}).encode()
    assert list(json.loads(report.with_request_id(given, "id"))) == [
        "errorMessage",
        "errorType",
        "requestId",
        "stackTrace",
    ]
    assert report.with_request_id(b"no json", "id") == b"no json"
    assert report.with_request_id(b"[1]", "id") == b"[1]"


def test_a_log_ring_keeps_the_last_bytes_and_no_more() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    ring = LogRing(reader, 10)
    for number in range(100):
        ring.add(b"%03d\n" % number)
    assert ring.take() == b"7\n098\n099\n"
    os.write(writer, b"late")
    ring.drain()
    assert ring.take() == b"late" and ring.take() == b""
    os.close(reader)
    os.close(writer)


def test_one_group_of_version_2_limits_memory_and_processes_and_freezes(tmp_path: Path) -> None:
    """Directories stand for groups: the kernel's are made and written in the same way."""
    group = Cgroups(memory=tmp_path, unified=tmp_path, pids=tmp_path, version=2).create("one", 7)
    group.limit(1 << 20)
    place = tmp_path / "one"
    assert (group.memory, group.unified, group.pids) == (place, place, place)
    assert (place / "memory.max").read_text() == str(1 << 20) and (place / "pids.max").read_text() == "7"
    assert group.freeze(True) and (place / "cgroup.freeze").read_text() == "1"
    assert group.directories() == [place]


def test_what_is_whose_is_asked_of_the_kernel_only_where_use_or_peak_moved(tmp_path: Path) -> None:
    group = Cgroups(memory=tmp_path, version=2).create("one", 7)
    meter, place = MemoryMeter(group, 0, 1 << 30, None), tmp_path / "one"

    def settled(use: int, peak: int, anonymous: int) -> int:
        for name, text in (("current", use), ("peak", peak), ("stat", f"file 5\nanon {anonymous}\nshmem 0")):
            (place / f"memory.{name}").write_text(f"{text}\n")
        return meter.settle()

    assert settled(20 << 20, 20 << 20, 10 << 20) == 10 << 20
    assert settled(20 << 20, 20 << 20, 11 << 20) == 10 << 20  # nothing moved: not looked at
    assert settled(21 << 20, 20 << 20, 11 << 20) == 11 << 20
    assert settled(21 << 20, 40 << 20, 11 << 20) == 30 << 20
    group.remove()


@pytest.mark.parametrize("landlock_abi", [None, 1, 6])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_of_the_filter_stays_inside_it(machine: str, landlock_abi: int | None) -> None:
    code = seccomp.program(machine, landlock_abi=landlock_abi)
    ops = [struct.unpack_from("HBBI", code, at) for at in range(0, len(code), 8)]
    for at, (kind, if_true, if_false, _) in enumerate(ops):
        if kind & 0x07 == 0x05:
            assert at + 1 + max(if_true, if_false) < len(ops)
    assert ops[-1][0] == 0x06  # it ends by returning


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_refuses_what_it_lists_and_foreign_interfaces(machine: str) -> None:
    arch = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    mount, write, clone = {"x86_64": (165, 1, 56), "aarch64": (40, 64, 220)}[machine]

    def verdict(number: int, first: int = 0, architecture: int = arch) -> int:
        return run_filter(seccomp.program(machine), struct.pack("IIQQQ", number, architecture, 0, first, 0))

    refused, allowed, killed, absent = 0x00050001, 0x7FFF0000, 0x80000000, 0x00050000 | 38
    assert [verdict(mount), verdict(write)] == [refused, allowed]
    assert [verdict(clone, 0x10000000), verdict(clone, 0x00010F00)] == [refused, allowed]
    assert verdict(435) == absent  # clone3
    assert verdict(write, architecture=0x40000003) == killed  # 32-bit calls
    socket_call = {"x86_64": 41, "aarch64": 198}[machine]
    no_such_family = 0x00050000 | 97
    verdicts = [verdict(socket_call, family) for family in (1, 2, 10, 16, 17, 38, 40)]  # … PACKET, ALG, VSOCK
    assert verdicts == [allowed] * 4 + [no_such_family] * 3
    strict = seccomp.program(machine, unix_sockets=False)
    assert run_filter(strict, struct.pack("IIQQQ", socket_call, arch, 0, 1, 0)) == no_such_family
    if machine == "x86_64":
        assert verdict(write | 0x40000000) == killed  # x32


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_beside_landlock_the_filter_refuses_what_landlock_leaves_open(machine: str) -> None:
    arch = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    numbers = {
        "x86_64": {"fchmodat": 268, "prlimit64": 302, "setpriority": 141, "truncate": 76, "openat": 257, "shmget": 29},
        "aarch64": {"fchmodat": 53, "prlimit64": 261, "setpriority": 140, "truncate": 45, "openat": 56, "shmget": 194},
    }[machine]

    def allows(abi: int | None, name: str, *arguments: int) -> bool:
        four = (*arguments, 0, 0, 0)[:3]
        data = struct.pack("IIQQQQ", numbers[name], arch, 0, *four)
        return run_filter(seccomp.program(machine, landlock_abi=abi), data) == 0x7FFF0000

    reading_truncates, writing_truncates = os.O_TRUNC | os.O_RDONLY, os.O_TRUNC | os.O_WRONLY
    for abi in (1, 2, 3, 6):
        assert not allows(abi, "fchmodat") and not allows(abi, "shmget")
        assert allows(abi, "prlimit64", 0) and not allows(abi, "prlimit64", 7)
        assert allows(abi, "setpriority", 0, 0) and not allows(abi, "setpriority", 0, 7)
        assert not allows(abi, "setpriority", 2, 0)  # all of the user
        assert allows(abi, "truncate") == allows(abi, "openat", 0, 0, reading_truncates) == (abi >= 3)
        assert allows(abi, "openat", 0, 0, writing_truncates) and allows(abi, "openat", 0, 0, os.O_RDONLY)
    assert all(allows(None, name, 7) for name in numbers)  # a root, users and processes of its own make up for it


def run_filter(code: bytes, data: bytes) -> int:
    """The classic BPF machine, as far as the filter uses it."""
    accumulator = at = 0
    while True:
        kind, if_true, if_false, value = struct.unpack_from("HBBI", code, at * 8)
        at += 1
        if kind == 0x06:
            return value
        if kind == 0x20:
            accumulator = struct.unpack_from("I", data, value)[0]
            continue
        if kind == 0x54:
            accumulator &= value
            continue
        holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[kind]
        at += if_true if holds else if_false
