"""An aim stands beside what was reached, and a miss is called one."""

from bench import aims
from bench.aims import Judged
from bench.lines.dynamodb import GetItem, PutItem
from bench.lines.lambda_ import Invoke
from bench.report import Finding, Key, Result

SERVERS = ["cloudlet", "moto", "ministack"]


def judged(results: dict[Key, Result], *findings: Finding) -> dict[tuple[str, str], Judged]:
    found = aims.judged((GetItem, PutItem, Invoke), results, SERVERS, findings)
    return {(aim.what, aim.aim.split("(")[0].strip()): aim for aim in found}


def test_ratios_are_judged_at_most_connections() -> None:
    results = {
        ("GetItem", 64, "cloudlet"): Result(10_000, cpu_us=100, per_cpu_second=10_000),
        ("GetItem", 64, "moto"): Result(1_000, cpu_us=2_000),
        ("GetItem", 64, "ministack"): Result(2_100, cpu_us=450),
        ("GetItem", 1, "cloudlet"): Result(1, cpu_us=100),
        ("GetItem", 1, "moto"): Result(10_000, cpu_us=100),
    }
    found = judged(results)
    assert found["GetItem, 64 connections", "≥ 10 × moto"].holds
    assert not found["GetItem, 64 connections", "≥ 5 × ministack"].holds
    assert found["GetItem, 64 connections", "≥ 5 × ministack"].reached == "4.8 × (by processor time 4.5 ×)"
    assert found["GetItem", "≥ 10,000/s a core"].holds


def test_what_a_peer_cannot_do_is_no_aim() -> None:
    results = {("GetItem", 64, "cloudlet"): Result(10_000), ("GetItem", 64, "moto"): Result(cannot="HTTP 500")}
    assert [what for what, _ in judged(results)] == ["GetItem"]


def test_a_lone_write_is_measured_against_the_disk_and_its_own_processor_time() -> None:
    def alone(p50_ms: float) -> Judged:
        result = Result(100, p50_ms=p50_ms, cpu_us=500, raw_ms=1.5)
        return judged({("PutItem", 1, "cloudlet"): result})["PutItem, alone", "≤ 1.25 ×"]

    assert alone(2.5).holds and alone(2.5).reached == "2.50 ms: 1.25 ×"
    assert not alone(2.6).holds


def test_a_finding_has_its_own_direction() -> None:
    fast = Finding("Put", "cloudlet", 500, "MB/s", aim=400, more_is_better=True)
    slow = Finding("Start", "cloudlet", 0.7, "s", aim=0.5)
    absent = Finding("Cold", "cloudlet", unit="ms", aim=100, cannot="no")
    found = judged({}, fast, slow, absent)
    assert found["Put", "≥ 400 MB/s"].holds
    assert not found["Start", "≤ 0.5 s"].holds and found["Start", "≤ 0.5 s"].reached == "0.70 s"
    assert not found["Cold", "≤ 100 ms"].holds


def test_the_table_marks_each() -> None:
    rows = aims.table([Judged("a", "≥ 1", "2", True), Judged("b", "≥ 3", "2", False)])
    assert [row[:5] for row in rows[2:]] == ["| ✓ |", "| ✗ |"]
