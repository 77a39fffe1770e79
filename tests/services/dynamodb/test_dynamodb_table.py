"""Tables: definitions, descriptions, lists, changes, deletion, tags."""

from typing import Any

import pytest
from dynamodb_tables import Ddb, definitions, refusal, schema

from cloudlet.services.dynamodb.records import Index, KeySchema, Table
from cloudlet.services.dynamodb.service import dynamodb
from tests.client import TestNode

PARAMETER = "One or more parameter values were invalid: "
MINIMAL: dict[str, Any] = {
    "AttributeDefinitions": definitions(id="S"),
    "KeySchema": schema("id"),
    "BillingMode": "PAY_PER_REQUEST",
}
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}


def describe(ddb: Ddb, name: str) -> dict[str, Any]:
    return ddb("DescribeTable", TableName=name)["Table"]


def index(name: str, *keys: str, **more: Any) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": schema(*keys), "Projection": {"ProjectionType": "KEYS_ONLY"}, **more}


def test_a_new_table_says_creating_and_is_ready(ddb: Ddb) -> None:
    created = ddb(
        "CreateTable",
        TableName="new",
        AttributeDefinitions=definitions(id="S"),
        KeySchema=schema("id"),
        ProvisionedThroughput=UNITS,
    )["TableDescription"]
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/new"
    expected = {
        "AttributeDefinitions": definitions(id="S"),
        "CreationDateTime": created["CreationDateTime"],
        "DeletionProtectionEnabled": False,
        "ItemCount": 0,
        "KeySchema": schema("id"),
        "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, **UNITS},
        "TableArn": arn,
        "TableId": created["TableId"],
        "TableName": "new",
        "TableSizeBytes": 0,
        "TableStatus": "CREATING",
    }
    assert created == expected
    assert describe(ddb, "new") == expected | {
        "TableStatus": "ACTIVE",
        "WarmThroughput": {"ReadUnitsPerSecond": 5, "WriteUnitsPerSecond": 6, "Status": "ACTIVE"},
    }
    ddb("PutItem", TableName="new", Item={"id": {"S": "a"}})


def test_a_name_is_taken_once(ddb: Ddb) -> None:
    error = refusal(ddb, "CreateTable", TableName="songs", **MINIMAL)
    assert (error.code, error.message) == ("ResourceInUseException", "Table already exists: songs")


def test_accounts_and_regions_share_nothing(ddb: Ddb, node: TestNode) -> None:
    other = node.caller("test", "test", region="eu-west-1")
    assert other.aws("dynamodb", "ListTables")["TableNames"] == []
    other.aws("dynamodb", "CreateTable", TableName="songs", **MINIMAL)
    ddb("PutItem", TableName="songs", Item={"id": {"S": "a"}})
    assert other.aws("dynamodb", "Scan", TableName="songs")["Count"] == 0


def test_a_table_counts_its_items_and_their_bytes(ddb: Ddb) -> None:
    for name in ("a", "b"):
        ddb("PutItem", TableName="songs", Item={"id": {"S": name}, "x": {"S": "12345"}})
    ddb("DeleteItem", TableName="songs", Key={"id": {"S": "a"}})
    table = describe(ddb, "songs")
    assert (table["ItemCount"], table["TableSizeBytes"]) == (1, 2 + 1 + 1 + 5)


def test_an_index_counts_its_items(ddb: Ddb) -> None:
    for number in range(3):
        row = {"pk": {"S": "p"}, "sk": {"N": str(number)}, "rank": {"N": "1"}}
        ddb("PutItem", TableName="rows", Item=row)
    ddb("DeleteItem", TableName="rows", Key={"pk": {"S": "p"}, "sk": {"N": "0"}})
    by_name = {each["IndexName"]: each["ItemCount"] for each in describe(ddb, "rows")["GlobalSecondaryIndexes"]}
    assert by_name == {"by_color": 0, "by_rank": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"TableName": "ab"}, "TableName must be at least 3 characters long and at most 255 characters long"),
        (
            {"TableName": "a b c"},
            "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain "
            "only the characters a-z, A-Z, 0-9, '_', '-', and '.'",
        ),
        (
            {"ProvisionedThroughput": UNITS},
            PARAMETER
            + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {"BillingMode": "PROVISIONED"},
            PARAMETER
            + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ),
        (
            {"KeySchema": schema("absent")},
            PARAMETER + "Some index key attributes are not defined in AttributeDefinitions. "
            "Keys: [absent], AttributeDefinitions: [id]",
        ),
        (
            {"KeySchema": [{"AttributeName": "id", "KeyType": "RANGE"}]},
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
        (
            {"KeySchema": schema("id", "id")},
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ),
        (
            {"AttributeDefinitions": definitions(id="S", more="S")},
            PARAMETER + "Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions",
        ),
        (
            {
                "AttributeDefinitions": definitions(id="S", x="S", more="S"),
                "GlobalSecondaryIndexes": [index("idx", "x")],
            },
            PARAMETER
            + "Some AttributeDefinitions are not used. AttributeDefinitions: [id, x, more], keys used: [id, x]",
        ),
        ({"GlobalSecondaryIndexes": [index("idx", "id")] * 2}, PARAMETER + "Duplicate index name: idx"),
        (
            {"GlobalSecondaryIndexes": [index("idx", "id", Projection={"ProjectionType": "INCLUDE"})]},
            PARAMETER + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
        (
            {
                "GlobalSecondaryIndexes": [
                    index("idx", "id", Projection={"ProjectionType": "ALL", "NonKeyAttributes": ["x"]})
                ]
            },
            PARAMETER + "ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        (
            {"GlobalSecondaryIndexes": [index("idx", "id", ProvisionedThroughput=UNITS)]},
            PARAMETER + "ProvisionedThroughput should not be specified for index: idx when BillingMode is "
            "PAY_PER_REQUEST",
        ),
        (
            {"GlobalSecondaryIndexes": [index(f"idx{number}", "id") for number in range(21)]},
            PARAMETER + "GlobalSecondaryIndex count exceeds the per-table limit of 20",
        ),
    ],
)
def test_a_definition_is_refused_in_aws_words(ddb: Ddb, changes: dict[str, Any], message: str) -> None:
    error = refusal(ddb, "CreateTable", **({"TableName": "new"} | MINIMAL | changes))
    assert (error.code, error.message) == ("ValidationException", message)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}, "StreamSpecification"),
        ({"SSESpecification": {"Enabled": True}}, "SSESpecification"),
        ({"LocalSecondaryIndexes": [index("idx", "id", "id")]}, "LocalSecondaryIndexes"),
    ],
)
def test_what_is_not_written_yet_is_refused_by_name(ddb: Ddb, changes: dict[str, Any], named: str) -> None:
    error = refusal(ddb, "CreateTable", TableName="new", **MINIMAL, **changes)
    assert (error.code, error.status) == ("NotImplemented", 501)
    assert error.message == f"dynamodb.CreateTable with {named} is not implemented yet"


def test_tables_are_listed_in_pages(ddb: Ddb) -> None:
    for name in ("aaa", "zzz"):
        ddb("CreateTable", TableName=name, **MINIMAL)
    first = ddb("ListTables", Limit=3)
    assert first == {"TableNames": ["aaa", "rows", "songs"], "LastEvaluatedTableName": "songs"}
    assert ddb("ListTables", Limit=3, ExclusiveStartTableName="songs") == {"TableNames": ["zzz"]}


def test_a_deleted_table_is_gone_with_its_items(ddb: Ddb, node: TestNode) -> None:
    ddb("PutItem", TableName="songs", Item={"id": {"S": "a"}})
    deleted = ddb("DeleteTable", TableName="songs")["TableDescription"]
    assert deleted["TableStatus"] == "DELETING"
    error = refusal(ddb, "DescribeTable", TableName="songs")
    assert (error.code, error.message) == (
        "ResourceNotFoundException",
        "Requested resource not found: Table: songs not found",
    )
    ddb("CreateTable", TableName="songs", **MINIMAL)
    assert ddb("Scan", TableName="songs")["Items"] == []
    node.settle()
    assert keys_left(node) == 0


def keys_left(node: TestNode) -> int:
    """How many keys below any table's contents are in the store."""
    tx = node.node.database.begin()
    space = node.node.services["dynamodb"].keys("000000000000", "us-east-1")._contents
    count = len(tx.scan(*space.range()).rows)
    tx.discard()
    return count


def test_a_protected_table_cannot_be_deleted(ddb: Ddb) -> None:
    ddb("UpdateTable", TableName="songs", DeletionProtectionEnabled=True)
    assert refusal(ddb, "DeleteTable", TableName="songs").message == (
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
    )
    ddb("UpdateTable", TableName="songs", DeletionProtectionEnabled=False)
    ddb("DeleteTable", TableName="songs")


def test_billing_may_change(ddb: Ddb) -> None:
    ddb("UpdateTable", TableName="songs", BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    table = describe(ddb, "songs")
    assert table["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    error = refusal(ddb, "UpdateTable", TableName="songs", ProvisionedThroughput=UNITS)
    assert error.message.startswith("The provisioned throughput for the table will not change.")
    ddb("UpdateTable", TableName="songs", BillingMode="PAY_PER_REQUEST")
    assert describe(ddb, "songs")["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


def add_index(ddb: Ddb, keys: tuple[str, ...] = ("x",), **types: str) -> None:
    ddb(
        "UpdateTable",
        TableName="songs",
        AttributeDefinitions=definitions(id="S", **types),
        GlobalSecondaryIndexUpdates=[{"Create": index("late", *keys)}],
    )


def test_an_index_added_later_is_filled_and_then_ready(ddb: Ddb, node: TestNode) -> None:
    for number in range(600):
        ddb("PutItem", TableName="songs", Item={"id": {"S": str(number)}, "x": {"S": "same"}})
    ddb("PutItem", TableName="songs", Item={"id": {"S": "other type"}, "x": {"N": "1"}})
    add_index(ddb, x="S")
    described = describe(ddb, "songs")["GlobalSecondaryIndexes"][0]
    assert (described["IndexStatus"], described["Backfilling"]) == ("CREATING", True)
    error = refusal(ddb, "Scan", TableName="songs", IndexName="late")
    assert error.message == "Cannot read from backfilling global secondary index: late"
    ddb("DeleteItem", TableName="songs", Key={"id": {"S": "0"}})
    ddb("PutItem", TableName="songs", Item={"id": {"S": "1"}, "x": {"S": "changed"}})
    node.settle()
    described = describe(ddb, "songs")["GlobalSecondaryIndexes"][0]
    assert (described["IndexStatus"], described["ItemCount"]) == ("ACTIVE", 599)
    assert ddb("Scan", TableName="songs", IndexName="late", Select="COUNT")["Count"] == 599


def test_an_index_removed_leaves_nothing(ddb: Ddb, node: TestNode) -> None:
    ddb("PutItem", TableName="songs", Item={"id": {"S": "a"}, "x": {"S": "b"}})
    add_index(ddb, x="S")
    node.settle()
    before = keys_left(node)
    ddb("UpdateTable", TableName="songs", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "late"}}])
    node.settle()
    assert "GlobalSecondaryIndexes" not in describe(ddb, "songs")
    assert keys_left(node) == before - 1 - 1, "its entry and its tally are gone"
    error = refusal(ddb, "Scan", TableName="songs", IndexName="late")
    assert error.message == "The table does not have the specified index: late"


def test_tags_come_and_go(ddb: Ddb) -> None:
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/songs"
    ddb("TagResource", ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    ddb("UntagResource", ResourceArn=arn, TagKeys=["a", "absent"])
    assert ddb("ListTagsOfResource", ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    error = refusal(ddb, "ListTagsOfResource", ResourceArn=arn + "x")
    assert error.code == "ResourceNotFoundException"


def test_features_that_are_not_written_are_off_and_stay_off(ddb: Ddb) -> None:
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/songs"
    assert ddb("DescribeTimeToLive", TableName="songs")["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}
    backups = ddb("DescribeContinuousBackups", TableName="songs")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"] == {"PointInTimeRecoveryStatus": "DISABLED"}
    assert ddb("DescribeContributorInsights", TableName="songs")["ContributorInsightsStatus"] == "DISABLED"
    assert ddb("DescribeKinesisStreamingDestination", TableName="songs")["KinesisDataStreamDestinations"] == []
    assert refusal(ddb, "GetResourcePolicy", ResourceArn=arn).code == "PolicyNotFoundException"
    specification = {"Enabled": True, "AttributeName": "x"}
    error = refusal(ddb, "UpdateTimeToLive", TableName="songs", TimeToLiveSpecification=specification)
    assert error.status == 501
    recovery = {"PointInTimeRecoveryEnabled": True}
    error = refusal(ddb, "UpdateContinuousBackups", TableName="songs", PointInTimeRecoverySpecification=recovery)
    assert error.status == 501


def test_every_operation_of_the_api_has_its_place() -> None:
    assert set(dynamodb.module_of) == set(dynamodb.model.operations)
    assert set(dynamodb.load().operations) == set(dynamodb.access_rules)


def test_an_arn_of_another_region_is_no_table_here(ddb: Ddb) -> None:
    error = refusal(ddb, "DescribeTable", TableName="arn:aws:dynamodb:eu-west-1:000000000000:table/songs")
    assert error.message == "Invalid table ARN"


def test_limits_and_endpoints_are_told(ddb: Ddb) -> None:
    assert ddb("DescribeLimits")["TableMaxReadCapacityUnits"] == 40_000
    assert ddb("DescribeEndpoints")["Endpoints"][0]["Address"] == "127.0.0.1:4566"


def test_yesterdays_table_is_read_today() -> None:
    stored = bytes.fromhex(
        "018aa26964a269"
        "31a46e616d65a573"
        "6f6e6773a76163636f756e74ac303030303030303030303030a6726567696f6ea975732d656173742d31a7646174615f6964a26431"
        "aa637265617465645f6d7301a6736368656d6181a468617368a26964a574797065738"
        "1a26964a153ac62696c6c696e675f6d6f6465af5041595f5045525f52455155455354a7696e646578657381a3696478"
        "84a26964a27831a46e616d65a3696478a6736368656d6181a468617368a26964aa70726f6a656374696f6ea3414c4c"
    )
    assert Table.decode(stored) == Table(
        id="i1",
        name="songs",
        account="000000000000",
        region="us-east-1",
        data_id="d1",
        created_ms=1,
        schema=KeySchema("id"),
        types={"id": "S"},
        billing_mode="PAY_PER_REQUEST",
        indexes={"idx": Index("x1", "idx", KeySchema("id"), "ALL")},
    )
