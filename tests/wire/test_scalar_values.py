"""Instants, numbers and base64 in AWS's spellings."""

import pytest

from cloudlet.wire import values

NEW_YEAR = 1_767_225_600_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-01T00:00:00Z", NEW_YEAR),
        ("2026-01-01T00:00:00.250Z", NEW_YEAR + 250),
        ("2026-01-01T00:00:00.123456789Z", NEW_YEAR + 123),
        ("2026-01-01T00:00:00.5Z", NEW_YEAR + 500),
        ("2026-01-01T01:00:00+01:00", NEW_YEAR),
        ("2025-12-31T19:00:00-0500", NEW_YEAR),
        ("2026-01-01T00:00Z", NEW_YEAR),
        ("2026-01-01", NEW_YEAR),
        ("2026-01-01 00:00:00", NEW_YEAR),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("1767225600", NEW_YEAR),
        ("1767225600.25", NEW_YEAR + 250),
        ("Thu, 01 Jan 2026 00:00:00 GMT", NEW_YEAR),
        ("Thursday, 01-Jan-26 00:00:00 GMT", NEW_YEAR),
    ],
)
def test_an_instant_is_read_in_any_spelling(text, ms):
    assert values.instant_from_text(text) == ms


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "0000-01-01", "9" * 15, "2026-01-01T00:00:00X",
     "٢٠٢٦-01-01", "0001-01-01T00:00:00+23:00", "Thu, 99 Jan 2026 00:00:00 GMT"],
)  # fmt: skip
def test_what_is_no_instant_is_a_value_error(text):
    with pytest.raises(ValueError):
        values.instant_from_text(text)


def test_instants_are_written_as_aws_writes_them():
    assert values.iso_from_instant(NEW_YEAR) == "2026-01-01T00:00:00.000Z"
    assert values.short_iso_from_instant(NEW_YEAR) == "2026-01-01T00:00:00Z"
    assert values.short_iso_from_instant(NEW_YEAR + 7) == "2026-01-01T00:00:00.007Z"
    assert values.iso_from_instant(-1) == "1969-12-31T23:59:59.999Z"
    assert values.http_from_instant(NEW_YEAR + 999) == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert values.seconds_from_instant(NEW_YEAR) == 1_767_225_600
    assert values.seconds_from_instant(NEW_YEAR + 5) == 1_767_225_600.005


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300, -1e14])
def test_seconds_outside_the_calendar_are_a_value_error(seconds):
    with pytest.raises(ValueError):
        values.instant_from_seconds(seconds)


@pytest.mark.parametrize("text", ["", "1.0", "1_0", " 1", "0x1", "1e3", "٣", "9" * 30, "--1"])
def test_what_is_no_integer_is_a_value_error(text):
    with pytest.raises(ValueError):
        values.integer_from_text(text)


def test_integers_keep_the_range_of_their_type():
    assert values.integer_from_text("2147483647", "integer") == 2**31 - 1
    assert values.integer_from_text("-9223372036854775808") == -(2**63)
    for text, kind in (("2147483648", "integer"), ("9223372036854775808", "long")):
        with pytest.raises(ValueError):
            values.integer_from_text(text, kind)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_0", "1" * 500, "0x1p3", "infinity", "٣"])
def test_what_is_no_decimal_number_is_a_value_error(text):
    with pytest.raises(ValueError):
        values.float_from_text(text)


def test_base64_is_strict():
    assert values.bytes_from_base64("AAE=") == b"\0\1"
    for text in ("AAE", "AA E=", "AAE=\n", "ä", "A==="):
        with pytest.raises(ValueError):
            values.bytes_from_base64(text)
