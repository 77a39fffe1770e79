"""What a run shows: a picture that is one, a cycle that is the sum of its parts, a page whose own text stays."""

from pathlib import Path
from xml.etree import ElementTree

from bench import picture, publish
from bench.compare import Comparison, Plan
from bench.report import Key, Result
from bench.studies import STUDIES

SERVERS = ["cloudlet", "moto"]
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_has_a_bar_a_server_and_says_who_cannot() -> None:
    results = {
        ("GetItem", 1, "cloudlet"): Result(1),
        ("GetItem", 1, "moto"): Result(1),
        ("GetItem", 64, "cloudlet"): Result(3000),
        ("GetItem", 64, "moto"): Result(1000),
        ("Invoke, warm", 16, "cloudlet"): Result(10),
        ("Invoke, warm", 16, "moto"): Result(cannot="no Docker <here>"),
    }
    root = ElementTree.fromstring(picture.drawn(results, SERVERS))
    bars = [float(bar.attrib["width"]) for bar in root.iter(f"{SVG}rect")][len(SERVERS) :]
    assert round(bars[0] / bars[1], 1) == 3 and len(bars) == 4, "to scale, at most connections"
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert "1,000 (3.0 × slower)" in texts and "cannot" in texts


def test_a_cycle_takes_what_its_parts_take() -> None:
    parts = (("SendMessage", 300.0), ("ReceiveMessage", 600.0), ("DeleteMessage", 600.0))
    results: dict[Key, Result] = {(name, 64, "moto"): Result(rate, 1, 2, 100, 9) for name, rate in parts}
    cycle = publish.with_cycle(results)["Send, receive, delete", 64, "moto"]
    assert round(cycle.per_second) == 150 and cycle.p50_ms == 3 and cycle.cpu_us == 300
    results["ReceiveMessage", 64, "moto"] = Result(cannot="twice")
    assert publish.with_cycle(results)["Send, receive, delete", 64, "moto"].cannot == "twice"


def edition() -> publish.Edition:
    return publish.Edition([], Comparison(Plan(10, 1, 1), print))


def test_only_what_is_between_the_marks_is_written(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{publish.BEGIN}\nold\n{publish.END}\nafter\n")
    edition().publish(tmp_path)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text and "10 items" in text
    edition().publish(tmp_path)
    assert page.read_text().count("10 items") == 1


def test_the_page_that_is_published_has_the_marks() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "performance.md").read_text()
    assert page.count(publish.BEGIN) == page.count(publish.END) == 1


def test_studies_have_names_of_their_own() -> None:
    assert len({study.name for study in STUDIES}) == len(STUDIES)
