"""PutItem, GetItem, UpdateItem, DeleteItem."""

from typing import Any

import pytest
from dynamodb_tables import Ddb, refusal, refused_answer

from cloudlet.base.errors import AwsError
from tests.client import TestNode

ID = {"id": {"S": "a"}}
PARAMETER = "One or more parameter values were invalid: "


def put(ddb: Ddb, **attributes: Any) -> dict[str, Any]:
    return ddb("PutItem", TableName="songs", Item=ID | attributes)


def get(ddb: Ddb, **parameters: Any) -> dict[str, Any] | None:
    return ddb("GetItem", TableName="songs", Key=ID, **parameters).get("Item")


def test_an_item_is_read_as_it_was_put(ddb: Ddb) -> None:
    attributes = {
        "s": {"S": "é\x00"},
        "n": {"N": "-12.5"},
        "b": {"B": b"\x90"},
        "empty": {"S": ""},
        "yes": {"BOOL": True},
        "nil": {"NULL": True},
        "ss": {"SS": ["a", "b"]},
        "bs": {"BS": [b"\x00", b"\xff"]},
        "m": {"M": {"l": {"L": [{"N": "1"}, {"M": {}}]}}},
    }
    assert put(ddb, **attributes) == {}
    assert get(ddb) == ID | attributes


def test_numbers_come_back_canonical(ddb: Ddb) -> None:
    put(ddb, n={"N": "1.50e2"}, ns={"NS": ["2.0", "1"]})
    assert get(ddb) == ID | {"n": {"N": "150"}, "ns": {"NS": ["1", "2"]}}


def test_an_item_that_is_not_there_is_no_error(ddb: Ddb) -> None:
    assert ddb("GetItem", TableName="songs", Key=ID) == {}
    assert ddb("DeleteItem", TableName="songs", Key=ID, ReturnValues="ALL_OLD") == {}


def test_put_replaces_the_whole_item_and_may_answer_the_old_one(ddb: Ddb) -> None:
    assert ddb("PutItem", TableName="songs", Item=ID | {"x": {"N": "1"}}, ReturnValues="ALL_OLD") == {}
    answer = ddb("PutItem", TableName="songs", Item=ID | {"y": {"N": "2"}}, ReturnValues="ALL_OLD")
    assert answer == {"Attributes": ID | {"x": {"N": "1"}}}
    assert get(ddb) == ID | {"y": {"N": "2"}}


def test_delete_removes_it_and_may_answer_it(ddb: Ddb) -> None:
    put(ddb)
    assert ddb("DeleteItem", TableName="songs", Key=ID, ReturnValues="ALL_OLD") == {"Attributes": ID}
    assert get(ddb) is None


def test_a_projection_limits_what_is_read(ddb: Ddb) -> None:
    put(ddb, n={"N": "1"}, m={"M": {"x": {"S": "1"}, "y": {"S": "2"}}})
    names = {"#x": "x"}
    assert get(ddb, ProjectionExpression="n, m.#x", ExpressionAttributeNames=names) == {
        "n": {"N": "1"},
        "m": {"M": {"x": {"S": "1"}}},
    }
    assert get(ddb, AttributesToGet=["n"]) == {"n": {"N": "1"}}
    assert get(ddb, ProjectionExpression="absent") == {}


def test_a_condition_decides_whether_a_write_happens(ddb: Ddb, node: TestNode) -> None:
    condition = {"ConditionExpression": "attribute_not_exists(id)"}
    ddb("PutItem", TableName="songs", Item=ID, **condition)
    answer = refused_answer(node, "PutItem", TableName="songs", Item=ID | {"x": {"N": "1"}}, **condition)
    assert answer == {
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
    }
    assert get(ddb) == ID


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("PutItem", {"Item": ID}),
        ("DeleteItem", {"Key": ID}),
        ("UpdateItem", {"Key": ID, "UpdateExpression": "REMOVE n"}),
    ],
)
def test_a_failed_condition_may_show_the_item(
    ddb: Ddb, node: TestNode, operation: str, parameters: dict[str, Any]
) -> None:
    put(ddb, n={"N": "650"})
    parameters = parameters | {
        "ConditionExpression": "n > :least",
        "ExpressionAttributeValues": {":least": {"N": "700"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    answer = refused_answer(node, operation, TableName="songs", **parameters)
    assert answer["__type"] == "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
    assert answer["Item"] == ID | {"n": {"N": "650"}}
    assert get(ddb) == ID | {"n": {"N": "650"}}


def test_expected_still_works(ddb: Ddb) -> None:
    put(ddb, n={"N": "1"})
    expected = {"n": {"Value": {"N": "2"}}}
    assert refusal(ddb, "DeleteItem", TableName="songs", Key=ID, Expected=expected).code == (
        "ConditionalCheckFailedException"
    )
    ddb("DeleteItem", TableName="songs", Key=ID, Expected={"n": {"Value": {"N": "1"}}})
    assert get(ddb) is None


@pytest.mark.parametrize(
    ("wanted", "attributes"),
    [
        ("NONE", None),
        ("ALL_OLD", ID | {"n": {"N": "1"}, "kept": {"S": "k"}}),
        ("UPDATED_OLD", {"n": {"N": "1"}}),
        ("ALL_NEW", ID | {"n": {"N": "2"}, "kept": {"S": "k"}, "fresh": {"S": "x"}}),
        ("UPDATED_NEW", {"n": {"N": "2"}, "fresh": {"S": "x"}}),
    ],
)
def test_an_update_answers_what_it_was_asked_for(ddb: Ddb, wanted: str, attributes: dict[str, Any] | None) -> None:
    put(ddb, n={"N": "1"}, kept={"S": "k"})
    answer = ddb(
        "UpdateItem",
        TableName="songs",
        Key=ID,
        UpdateExpression="SET n = n + :one, fresh = :x",
        ExpressionAttributeValues={":one": {"N": "1"}, ":x": {"S": "x"}},
        ReturnValues=wanted,
    )
    assert answer.get("Attributes") == attributes


@pytest.mark.parametrize("wanted", ["ALL_OLD", "UPDATED_OLD"])
def test_an_update_that_makes_the_item_has_nothing_old(ddb: Ddb, wanted: str) -> None:
    assert ddb("UpdateItem", TableName="songs", Key=ID, UpdateExpression="REMOVE n", ReturnValues=wanted) == {}
    assert get(ddb) == ID


def test_an_update_without_an_expression_makes_the_item(ddb: Ddb) -> None:
    ddb("UpdateItem", TableName="songs", Key=ID)
    assert get(ddb) == ID


def test_legacy_deletions_make_no_item(ddb: Ddb) -> None:
    ddb("UpdateItem", TableName="songs", Key=ID, AttributeUpdates={"n": {"Action": "DELETE"}})
    assert get(ddb) is None
    ddb("UpdateItem", TableName="songs", Key=ID, AttributeUpdates={"n": {"Action": "ADD", "Value": {"N": "3"}}})
    assert get(ddb) == ID | {"n": {"N": "3"}}


@pytest.mark.parametrize(
    ("operation", "parameters", "message"),
    [
        ("PutItem", {"Item": {"x": {"S": "a"}}}, PARAMETER + "Missing the key id in the item"),
        ("PutItem", {"Item": {"id": {"N": "1"}}}, PARAMETER + "Type mismatch for key id expected: S actual: N"),
        (
            "PutItem",
            {"Item": {"id": {"S": ""}}},
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            "empty string value. Key: id",
        ),
        (
            "PutItem",
            {"Item": {"id": {"S": "x" * 2049}}},
            PARAMETER + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
        (
            "PutItem",
            {"Item": ID | {"x": {"S": "x" * (400 * 1024 - 3)}}},
            "Item size has exceeded the maximum allowed size",
        ),
        (
            "PutItem",
            {"Item": ID | {"x": {}}},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        ("PutItem", {"Item": ID, "ReturnValues": "ALL_NEW"}, "ReturnValues can only be ALL_OLD or NONE"),
        ("GetItem", {"Key": {}}, "The provided key element does not match the schema"),
        ("GetItem", {"Key": {"id": {"N": "1"}}}, "The provided key element does not match the schema"),
        ("GetItem", {"Key": ID | {"x": {"S": "1"}}}, "The provided key element does not match the schema"),
        ("DeleteItem", {"Key": {"x": {"S": "1"}}}, "The provided key element does not match the schema"),
        (
            "UpdateItem",
            {"Key": ID, "UpdateExpression": "REMOVE id"},
            PARAMETER + "Cannot update attribute id. This attribute is part of the key",
        ),
        (
            "UpdateItem",
            {"Key": ID, "UpdateExpression": "SET n = absent"},
            "The provided expression refers to an attribute that does not exist in the item",
        ),
        (
            "UpdateItem",
            {
                "Key": ID,
                "UpdateExpression": "SET x = :x",
                "ExpressionAttributeValues": {":x": {"S": "x" * (400 * 1024 - 3)}},
            },
            "Item size to update has exceeded the maximum allowed size",
        ),
    ],
)
def test_requests_are_refused_in_aws_words(ddb: Ddb, operation: str, parameters: dict[str, Any], message: str) -> None:
    error = refusal(ddb, operation, TableName="songs", **parameters)
    assert (error.code, error.message) == ("ValidationException", message)


def test_an_item_of_400_kb_is_kept(ddb: Ddb) -> None:
    text = "x" * (400 * 1024 - 4)
    put(ddb, x={"S": text})
    assert get(ddb) == ID | {"x": {"S": text}}


def test_a_table_that_is_not_there_is_named_by_no_data_operation(ddb: Ddb) -> None:
    error = refusal(ddb, "GetItem", TableName="absent", Key=ID)
    assert (error.code, error.message) == ("ResourceNotFoundException", "Requested resource not found")


def test_a_table_may_be_named_by_its_arn(ddb: Ddb) -> None:
    put(ddb)
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/songs"
    assert ddb("GetItem", TableName=arn, Key=ID) == {"Item": ID}


def test_capacity_follows_sizes(ddb: Ddb) -> None:
    answer = ddb("PutItem", TableName="songs", Item=ID | {"x": {"S": "x" * 5000}}, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == {"TableName": "songs", "CapacityUnits": 5.0}
    answer = ddb("GetItem", TableName="songs", Key=ID, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 1.0
    answer = ddb("GetItem", TableName="songs", Key=ID, ConsistentRead=True, ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"] == {"TableName": "songs", "CapacityUnits": 2.0, "Table": {"CapacityUnits": 2.0}}
    answer = ddb("DeleteItem", TableName="songs", Key=ID, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 5.0


def test_a_refused_write_leaves_no_trace(ddb: Ddb) -> None:
    put(ddb, n={"N": "1"})
    with pytest.raises(AwsError):
        ddb("UpdateItem", TableName="songs", Key=ID, UpdateExpression="SET m.x = n")
    assert get(ddb) == ID | {"n": {"N": "1"}}
    assert ddb("DescribeTable", TableName="songs")["Table"]["ItemCount"] == 1
