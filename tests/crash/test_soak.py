"""What ./scripts/soak runs for hours, for a moment: it counts what it did, and its verdicts can be bad ones."""

import re
from dataclasses import replace

import pytest

from soak import outages
from soak.life import KEPT_MIB_MAX, Life, Look
from soak.picture import Curve, Panel, draw
from soak.watching import Taken

QUIET = Look(0.0, Taken(80.0, 60.0, 100, 10, 12, 1.0, 20.0), 1000, 2.0, 9.0, 900.0)


def lived(**last: float) -> Life:
    """Eight looks, the last two other than those before."""
    taken = {name: value for name, value in last.items() if hasattr(QUIET.taken, name)}
    others = {name: value for name, value in last.items() if name not in taken}
    end = replace(QUIET, taken=replace(QUIET.taken, **taken), **others)
    return Life(print, [replace(look, minute=number) for number, look in enumerate([QUIET] * 6 + [end] * 2)])


def test_a_life_that_stays_as_it_was_is_a_good_one():
    life = lived()
    life.judge()
    assert life.wrong == []
    assert dict(life.rows())["  requests"] == "8,000"


@pytest.mark.parametrize(
    "last", [{"node_mib": 150.0}, {"others_mib": 120.0}, {"open_files": 200}, {"cpu_us": 1500.0}], ids=str
)
def test_growth_is_noticed(last):
    life = lived(**last)
    life.judge()
    assert len(life.wrong) == 1 and "grew" in life.wrong[0]


def test_disk_that_is_not_given_back_is_noticed():
    life = lived()
    life.kept_mib = KEPT_MIB_MAX + 1
    life.judge()
    assert ["are kept" in what for what in life.wrong] == [True]


def test_a_picture_has_each_curve_within_its_panel():
    picture = draw("t", [0.0, 1.0], [Panel("a", [Curve("x", [0.0, 5.0]), Curve("y", [1.0, 1.0])]), Panel("b", [])])
    lines = re.findall(r'points="([^"]+)"', picture)
    assert len(lines) == 2
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in lines]
    assert heights[0][0] > heights[0][1] and heights[1][0] == heights[1][1]
    assert all(40 < height < 200 for line in heights for height in line)


@pytest.mark.slow
def test_a_kill_is_counted_with_what_came_of_it():
    done = outages.kill(1, 0, print)
    assert (done.done, done.wrong) == (1, [])
    rows = dict(done.rows())
    assert rows["kills"] == "1, nothing found" and done.acknowledged > 0
