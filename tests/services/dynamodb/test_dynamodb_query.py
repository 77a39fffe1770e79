"""Query and Scan: order, stretches, pages, filters, indexes, segments."""

from typing import Any

import pytest
from dynamodb_tables import Ddb, refusal

P = {":p": {"S": "p"}}


def row(number: int, pk: str = "p", **attributes: Any) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"N": str(number)}, **attributes}


def fill(ddb: Ddb, numbers: range, pk: str = "p", **attributes: Any) -> None:
    for number in numbers:
        ddb("PutItem", TableName="rows", Item=row(number, pk, **attributes))


def numbers(answer: dict[str, Any]) -> list[int]:
    return [int(item["sk"]["N"]) for item in answer["Items"]]


def query(ddb: Ddb, condition: str = "pk = :p", values: dict[str, Any] | None = None, **parameters: Any) -> Any:
    return ddb(
        "Query",
        TableName="rows",
        KeyConditionExpression=condition,
        ExpressionAttributeValues=P | (values or {}),
        **parameters,
    )


@pytest.mark.parametrize(
    ("condition", "given", "expected"),
    [
        ("", (), [-3, -2, -1, 0, 1, 2, 3]),
        ("= :a", (2,), [2]),
        ("= :a", (9,), []),
        ("< :a", (-1,), [-3, -2]),
        ("<= :a", (-1,), [-3, -2, -1]),
        ("> :a", (1,), [2, 3]),
        (">= :a", (1,), [1, 2, 3]),
        ("BETWEEN :a AND :b", (-1, 1), [-1, 0, 1]),
    ],
)
def test_a_stretch_of_a_partition_comes_in_order(
    ddb: Ddb, condition: str, given: tuple[int, ...], expected: list[int]
) -> None:
    fill(ddb, range(-3, 4))
    fill(ddb, range(-3, 4), "other")
    values = {f":{name}": {"N": str(number)} for name, number in zip("ab", given)}
    text = f"pk = :p AND sk {condition}" if condition else "pk = :p"
    assert numbers(query(ddb, text, values)) == expected
    assert numbers(query(ddb, text, values, ScanIndexForward=False)) == expected[::-1]


def test_string_keys_may_begin_with_something(ddb: Ddb, sorted_by_text: str) -> None:
    for text in ("", "a", "a\x00", "ab", "a\uffff", "b"):
        if text:
            ddb("PutItem", TableName=sorted_by_text, Item={"pk": {"S": "p"}, "sk": {"S": text}})
    answer = ddb(
        "Query",
        TableName=sorted_by_text,
        KeyConditionExpression="pk = :p AND begins_with(sk, :a)",
        ExpressionAttributeValues=P | {":a": {"S": "a"}},
    )
    assert [item["sk"]["S"] for item in answer["Items"]] == ["a", "a\x00", "ab", "a\uffff"]
    assert (answer["Count"], answer["ScannedCount"]) == (4, 4)
    assert "LastEvaluatedKey" not in answer


@pytest.fixture
def sorted_by_text(ddb: Ddb) -> str:
    ddb(
        "CreateTable",
        TableName="texts",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "texts"


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_continue_where_the_last_one_ended(ddb: Ddb, limit: int, forward: bool) -> None:
    fill(ddb, range(7))
    seen: list[int] = []
    start: dict[str, Any] = {}
    while True:
        answer = query(ddb, Limit=limit, ScanIndexForward=forward, **start)
        seen += numbers(answer)
        assert len(answer["Items"]) <= limit
        if "LastEvaluatedKey" not in answer:
            break
        assert set(answer["LastEvaluatedKey"]) == {"pk", "sk"}
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    assert seen == (list(range(7)) if forward else list(range(7))[::-1])


def test_a_page_may_start_where_no_item_is(ddb: Ddb) -> None:
    fill(ddb, range(0, 8, 2))
    assert numbers(query(ddb, ExclusiveStartKey=row(3))) == [4, 6]


def test_a_limit_that_is_just_reached_still_tells_a_key(ddb: Ddb) -> None:
    fill(ddb, range(3))
    answer = query(ddb, Limit=3)
    assert answer["LastEvaluatedKey"] == row(2)
    assert query(ddb, Limit=3, ExclusiveStartKey=row(2)) == {"Items": [], "Count": 0, "ScannedCount": 0}


def test_a_filter_counts_what_it_leaves_out_against_the_limit(ddb: Ddb) -> None:
    fill(ddb, range(0, 4), note={"S": "no"})
    fill(ddb, range(4, 6), note={"S": "yes"})
    filtered = {"FilterExpression": "note = :yes"}
    answer = query(ddb, values={":yes": {"S": "yes"}}, Limit=5, **filtered)
    assert (numbers(answer), answer["Count"], answer["ScannedCount"]) == ([4], 1, 5)
    assert answer["LastEvaluatedKey"] == row(4)


def test_a_page_ends_with_the_item_that_reaches_a_megabyte(ddb: Ddb) -> None:
    fill(ddb, range(6), note={"S": "x" * 300_000})
    answer = query(ddb, ReturnConsumedCapacity="TOTAL")
    assert numbers(answer) == [0, 1, 2, 3]
    assert answer["LastEvaluatedKey"] == row(3)
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 146.5  # 1,200,044 bytes
    assert numbers(query(ddb, ExclusiveStartKey=row(3))) == [4, 5]


def test_a_long_page_is_read_in_pieces(ddb: Ddb) -> None:
    for begin in range(0, 600, 25):
        puts = [{"PutRequest": {"Item": row(number)}} for number in range(begin, begin + 25)]
        ddb("BatchWriteItem", RequestItems={"rows": puts})
    assert numbers(query(ddb)) == list(range(600))
    assert numbers(query(ddb, ScanIndexForward=False)) == list(range(600))[::-1]
    answer = query(ddb, Limit=300)
    assert numbers(answer) == list(range(300)) and answer["LastEvaluatedKey"] == row(299)
    assert ddb("Scan", TableName="rows", Select="COUNT") == {"Count": 600, "ScannedCount": 600}


def test_only_what_is_selected_is_told(ddb: Ddb) -> None:
    fill(ddb, range(2), note={"S": "n"})
    assert query(ddb, Select="COUNT") == {"Count": 2, "ScannedCount": 2}
    answer = query(ddb, ProjectionExpression="note", Select="SPECIFIC_ATTRIBUTES")
    assert answer["Items"] == [{"note": {"S": "n"}}] * 2


def test_legacy_parameters_say_the_same(ddb: Ddb) -> None:
    fill(ddb, range(4), note={"S": "n"})
    equal = {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "p"}]}
    above = {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "1"}]}
    answer = ddb(
        "Query",
        TableName="rows",
        KeyConditions={"pk": equal, "sk": above},
        QueryFilter={"note": {"ComparisonOperator": "NOT_NULL"}},
        AttributesToGet=["sk"],
    )
    assert answer["Items"] == [{"sk": {"N": "2"}}, {"sk": {"N": "3"}}]
    answer = ddb("Scan", TableName="rows", ScanFilter={"sk": above})
    assert (numbers(answer), answer["ScannedCount"]) == ([2, 3], 4)


def by_rank(ddb: Ddb, rank: int, **parameters: Any) -> Any:
    return ddb(
        "Query",
        TableName="rows",
        IndexName="by_rank",
        KeyConditionExpression="#r = :r",
        ExpressionAttributeNames={"#r": "rank"},
        ExpressionAttributeValues={":r": {"N": str(rank)}},
        **parameters,
    )


def test_an_index_holds_what_has_its_keys_and_shows_what_it_projects(ddb: Ddb) -> None:
    whole = row(1, color={"S": "red"}, rank={"N": "5"}, note={"S": "n"}, extra={"S": "o"})
    ddb("PutItem", TableName="rows", Item=whole)
    ddb("PutItem", TableName="rows", Item=row(2, color={"S": "red"}))
    ddb("PutItem", TableName="rows", Item=row(3))
    answer = ddb("Scan", TableName="rows", IndexName="by_color")
    assert answer["Items"] == [whole]
    shown = row(1, rank={"N": "5"}, note={"S": "n"})
    assert by_rank(ddb, 5)["Items"] == [shown]
    assert ddb("Scan", TableName="rows", IndexName="by_rank")["Items"] == [shown]


def test_an_index_follows_its_items(ddb: Ddb) -> None:
    ddb("PutItem", TableName="rows", Item=row(1, rank={"N": "5"}))
    update: dict[str, Any] = {"TableName": "rows", "Key": row(1), "ExpressionAttributeNames": {"#r": "rank"}}
    ddb("UpdateItem", **update, UpdateExpression="SET #r = :r", ExpressionAttributeValues={":r": {"N": "6"}})
    assert by_rank(ddb, 5)["Items"] == []
    assert by_rank(ddb, 6)["Items"] == [row(1, rank={"N": "6"})]
    ddb("UpdateItem", **update, UpdateExpression="REMOVE #r")
    assert by_rank(ddb, 6)["Items"] == []
    ddb("PutItem", TableName="rows", Item=row(1, rank={"N": "7"}))
    ddb("DeleteItem", TableName="rows", Key=row(1))
    assert ddb("Scan", TableName="rows", IndexName="by_rank")["Items"] == []


def test_pages_of_an_index_tell_both_keys(ddb: Ddb) -> None:
    fill(ddb, range(5), rank={"N": "1"})
    fill(ddb, range(5), "q", rank={"N": "1"})
    seen: list[tuple[str, int]] = []
    start: dict[str, Any] = {}
    while True:
        answer = by_rank(ddb, 1, Limit=3, **start)
        seen += [(item["pk"]["S"], int(item["sk"]["N"])) for item in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            break
        assert set(answer["LastEvaluatedKey"]) == {"rank", "pk", "sk"}
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    assert sorted(seen) == [(pk, sk) for pk in ("p", "q") for sk in range(5)]


def test_segments_share_a_table_without_overlap(ddb: Ddb) -> None:
    for number in range(60):
        ddb("PutItem", TableName="songs", Item={"id": {"S": f"song {number}"}})
    seen: list[str] = []
    sizes = []
    for segment in range(4):
        answer = ddb("Scan", TableName="songs", Segment=segment, TotalSegments=4)
        seen += [item["id"]["S"] for item in answer["Items"]]
        sizes.append(answer["Count"])
    assert sorted(seen) == sorted(f"song {number}" for number in range(60))
    assert all(sizes), "every segment has its share"


def test_a_start_key_belongs_to_its_segment(ddb: Ddb) -> None:
    for number in range(20):
        ddb("PutItem", TableName="songs", Item={"id": {"S": str(number)}})
    first = ddb("Scan", TableName="songs", Segment=0, TotalSegments=2)["Items"][0]
    error = refusal(ddb, "Scan", TableName="songs", Segment=1, TotalSegments=2, ExclusiveStartKey=first)
    assert error.message.startswith("The provided starting key is invalid: Invalid ExclusiveStartKey.")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"IndexName": "absent"}, "The table does not have the specified index: absent"),
        (
            {"IndexName": "by_color", "ConsistentRead": True},
            "Consistent reads are not supported on global secondary indexes",
        ),
        (
            {"Select": "ALL_PROJECTED_ATTRIBUTES"},
            "One or more parameter values were invalid: "
            "ALL_PROJECTED_ATTRIBUTES can be used only when Scanning using an IndexName",
        ),
        (
            {"Select": "SPECIFIC_ATTRIBUTES"},
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        ),
        (
            {"Select": "COUNT", "ProjectionExpression": "note"},
            "Cannot specify the ProjectionExpression when choosing to get only the Count",
        ),
        (
            {"IndexName": "by_rank", "Select": "ALL_ATTRIBUTES"},
            "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global "
            "secondary index by_rank because its projection type is not ALL",
        ),
        (
            {"IndexName": "by_rank", "ProjectionExpression": "extra"},
            "One or more parameter values were invalid: Global secondary index by_rank does not project [extra]",
        ),
        (
            {"Segment": 1},
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is "
            "present",
        ),
        (
            {"TotalSegments": 1},
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is "
            "present",
        ),
        (
            {"Segment": 2, "TotalSegments": 2},
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            "Segment: 2 is not less than TotalSegments: 2",
        ),
        ({"ExclusiveStartKey": {"pk": {"S": "p"}}}, "The provided starting key is invalid"),
        (
            {"ExclusiveStartKey": {"pk": {"S": "p"}, "sk": {"S": "1"}}},
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
    ],
)
def test_a_scan_is_refused_in_aws_words(ddb: Ddb, parameters: dict[str, Any], message: str) -> None:
    assert refusal(ddb, "Scan", TableName="rows", **parameters).message == message


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {},
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ),
        (
            {
                "KeyConditionExpression": "pk = :p",
                "FilterExpression": "sk > :p",
                "ExpressionAttributeValues": P,
            },
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk",
        ),
        (
            {
                "KeyConditionExpression": "pk = :p",
                "ExpressionAttributeValues": P,
                "ExclusiveStartKey": {"pk": {"S": "q"}, "sk": {"N": "1"}},
            },
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
    ],
)
def test_a_query_is_refused_in_aws_words(ddb: Ddb, parameters: dict[str, Any], message: str) -> None:
    assert refusal(ddb, "Query", TableName="rows", **parameters).message == message
