"""ARNs: text and parts."""

import pytest

from cloudlet.kit import arn


def test_the_parts_and_the_text_say_the_same():
    text = "arn:aws:lambda:eu-west-1:111122223333:function:resize:live"
    parts = arn.parse(text)
    assert parts == arn.Arn("aws", "lambda", "eu-west-1", "111122223333", "function:resize:live")
    assert str(parts) == text
    assert arn.arn("lambda", "eu-west-1", "111122223333", "function:resize:live") == text


def test_region_and_account_may_be_empty():
    assert arn.parse("arn:aws:s3:::photos/2026/a:b.jpg") == arn.Arn("aws", "s3", "", "", "photos/2026/a:b.jpg")


@pytest.mark.parametrize(
    "text", ["", "photos", "arn:aws:s3", "urn:aws:s3:::b", "arn::s3:::b", "arn:aws::::b", "arn:aws:s3:::"]
)
def test_what_is_no_arn_has_no_parts(text):
    assert arn.parse(text) is None
    assert arn.account_of(text) == ""


@pytest.mark.parametrize(
    ("resource", "kind", "identifier", "name"),
    [
        ("role/service/worker", "role", "service/worker", "worker"),
        ("function:resize:live", "function", "resize:live", "live"),
        ("log-group:/aws/lambda/f:*", "log-group", "/aws/lambda/f:*", "*"),
        ("jobs", "", "jobs", "jobs"),
        ("table/orders/stream/2026-01-01T00:00:00.000", "table", "orders/stream/2026-01-01T00:00:00.000", "00.000"),
    ],
)
def test_type_and_id_are_split_at_the_first_separator(resource, kind, identifier, name):
    parts = arn.Arn("aws", "x", "", "", resource)
    assert (parts.resource_type, parts.resource_id, parts.name) == (kind, identifier, name)


def test_the_account_is_read_without_parsing_the_rest():
    assert arn.account_of("arn:aws:sqs:us-east-1:111122223333:jobs") == "111122223333"
    assert arn.account_of("arn:aws:s3:::photos") == ""
