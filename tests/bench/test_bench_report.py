"""The table says who is ahead, and never counts as won what a peer cannot do."""

from bench import report, stages
from bench.report import Result

SERVERS = ["cloudlet", "peer"]


def rows(ours: Result, peers: Result, connections: int = 64) -> dict[tuple[str, int, str], Result]:
    return {("Get", connections, "cloudlet"): ours, ("Get", connections, "peer"): peers}


def test_the_ratio_is_ours_to_the_peers() -> None:
    assert report.table(rows(Result(3000), Result(2000)), SERVERS)[-1].endswith("| 1.5× |  |  |")
    assert report.table(rows(Result(30_000), Result(2000)), SERVERS)[-1].endswith("| 15× |  |  |")
    results = rows(Result(3000, cpu_us=100), Result(2000, cpu_us=450))
    assert report.table(results, SERVERS)[-1].endswith("| 1.5× (4.5×) |  |  |"), "in brackets: by processor time"


def test_a_line_that_a_peer_cannot_do_has_no_ratio_and_says_why() -> None:
    results = rows(Result(3000), Result(cannot="HTTP 500: no"))
    row = report.table(results, SERVERS)[-1]
    assert "cannot" in row and row.endswith("| – |  |  |")
    assert report.reasons(results) == ["- peer cannot Get: HTTP 500: no"]
    assert report.behind(results, SERVERS, 64) == []


def test_we_are_behind_where_a_peer_does_more_or_we_cannot() -> None:
    assert report.behind(rows(Result(1000), Result(2000)), SERVERS, 64) == ["Get (peer)"]
    assert report.behind(rows(Result(cannot="no"), Result(2000)), SERVERS, 64) == ["Get (peer)"]
    assert report.behind(rows(Result(1000), Result(2000), 1), SERVERS, 64) == [], "only where asked for"
    assert report.behind(rows(Result(2000), Result(1000)), SERVERS, 64) == []
    slower = rows(Result(2000, cpu_us=300), Result(1000, cpu_us=200))
    assert report.behind(slower, SERVERS, 64, by="cpu_us") == ["Get (peer)"]


def test_of_two_runs_the_better_counts_unless_one_was_wrong() -> None:
    assert report.better(Result(1), Result(2)).per_second == 2
    assert report.better(Result(cannot="wrong"), Result(2)).cannot == "wrong"
    assert report.better(Result(1), Result(cannot="wrong")).cannot == "wrong"


def test_the_rest_of_a_budget_is_what_no_stage_took() -> None:
    row = report.budget({"Get": {"read": 10.0, "verify": 20.0, "whole": 100.0}})[-1]
    assert row.startswith("| Get | 10 | 20 | 0 |") and row.endswith("| 70 | 100 |")


def test_every_place_that_is_timed_is_still_there() -> None:
    missing = [(owner, name) for _, owner, name in stages.PLACES if not callable(getattr(owner, name, None))]
    assert not missing
    assert {stage for stage, _, _ in stages.PLACES} == set(report.STAGES)
