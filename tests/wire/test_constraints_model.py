"""The model's constraints: AWS's sentences, every violation in one message, and each service's own error for them."""

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.wire import constraints
from cloudlet.wire.model import load


def violation(service, operation, params):
    model = load(service)
    with pytest.raises(AwsError) as caught:
        constraints.check(model, model.operations[operation], params)
    assert caught.value.status == 400
    return caught.value.code, caught.value.message


def passes(service, operation, params):
    model = load(service)
    constraints.check(model, model.operations[operation], params)
    return True


def test_what_fits_passes():
    assert passes("dynamodb", "PutItem", {"TableName": "table", "Item": {"a": {"S": "x"}}})
    assert passes("iam", "CreateUser", {"UserName": "user.name@x-y", "Path": "/a/b/"})
    assert passes("lambda", "GetFunction", {"FunctionName": "f"})
    assert passes("s3", "PutObject", {"Bucket": "b", "Key": "k"})


def test_every_violation_is_listed_in_one_message():
    assert violation("dynamodb", "PutItem", {"ReturnValues": "SOME"}) == (
        "ValidationException",
        "3 validation errors detected: "
        "Value null at 'tableName' failed to satisfy constraint: Member must not be null; "
        "Value null at 'item' failed to satisfy constraint: Member must not be null; "
        "Value 'SOME' at 'returnValues' failed to satisfy constraint: Member must satisfy enum value set: "
        "[NONE, ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATED_NEW]",
    )


def test_one_violation_is_one_error():
    params = {"FunctionName": "f", "StatementId": "s" * 101, "Action": "lambda:InvokeFunction", "Principal": "*"}
    assert violation("lambda", "AddPermission", params) == (
        "ValidationException",
        f"1 validation error detected: Value '{'s' * 101}' at 'statementId' failed to satisfy constraint: "
        "Member must have length less than or equal to 100",
    )


def test_a_pattern_is_quoted_as_the_model_has_it():
    assert violation("lambda", "AddPermission", {
        "FunctionName": "f", "StatementId": "example.com", "Action": "lambda:InvokeFunction", "Principal": "*",
    }) == (
        "ValidationException",
        "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)",
    )  # fmt: skip


def test_a_range_is_of_the_value_and_logs_has_an_error_of_its_own():
    assert violation("logs", "FilterLogEvents", {"logGroupName": "g", "limit": 10001}) == (
        "InvalidParameterException",
        "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 10000",
    )


def test_paths_number_list_elements_from_one():
    params = {"TransactItems": [{"Put": {"TableName": "t", "Item": {}}}, {"Put": {"TableName": "t"}}]}
    assert violation("dynamodb", "TransactWriteItems", params)[1] == (
        "1 validation error detected: Value null at 'transactItems.2.member.put.item' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_an_empty_list_is_too_short():
    assert violation("dynamodb", "BatchExecuteStatement", {"Statements": []})[1] == (
        "1 validation error detected: Value '[]' at 'statements' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_structures_are_quoted_with_all_their_members():
    metric = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    params = {"logGroupName": "g", "filterName": "f", "filterPattern": "", "metricTransformations": [metric, metric]}
    shown = "MetricTransformation(metricName=m, metricNamespace=n, metricValue=1, defaultValue=null, "
    message = violation("logs", "PutMetricFilter", params)[1]
    assert message.startswith(f"1 validation error detected: Value '[{shown}")
    assert message.endswith(
        ")]' at 'metricTransformations' failed to satisfy constraint: Member must have length less than or equal to 1"
    )


def test_scalars_in_a_list_are_said_of_the_list():
    code, message = violation("lambda", "PublishLayerVersion", {
        "LayerName": "l", "Content": {}, "CompatibleArchitectures": ["invalidarch", "x86_64"],
    })  # fmt: skip
    assert (code, message) == (
        "ValidationException",
        "1 validation error detected: Value '[invalidarch, x86_64]' at 'compatibleArchitectures' failed to satisfy "
        "constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], "
        "Member must not be null]",
    )


def test_keys_of_a_map_are_said_of_the_map():
    message = violation("dynamodb", "BatchGetItem", {"RequestItems": {"": {"Keys": [{"a": {"S": "x"}}]}}})[1]
    assert (
        "at 'requestItems' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have" in message
    )


def test_members_inside_a_maps_values_have_the_key_in_their_path():
    message = violation("dynamodb", "BatchGetItem", {"RequestItems": {"table": {}}})[1]
    assert "Value null at 'requestItems.table.member.keys'" in message


def test_what_is_sensitive_is_not_quoted():
    message = violation("iam", "CreateLoginProfile", {"UserName": "u", "Password": "secret\x00"})[1]
    assert message.startswith("1 validation error detected: Value at 'password' failed to satisfy constraint: ")
    assert "secret" not in message


def test_query_services_call_it_a_validation_error():
    assert violation("iam", "CreateUser", {"UserName": "a b"}) == (
        "ValidationError",
        "1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\w+=,.@-]+",
    )
    assert violation("sns", "ConfirmSubscription", {"TopicArn": "a"}) == (
        "ValidationError",
        "1 validation error detected: Value null at 'token' failed to satisfy constraint: Member must not be null",
    )


def test_sqs_names_the_first_missing_parameter_as_the_query_protocol_does():
    assert violation("sqs", "SendMessage", {"QueueUrl": "u"}) == (
        "MissingParameter",
        "The request must contain the parameter MessageBody.",
    )
    assert violation("sqs", "SendMessageBatch", {"QueueUrl": "u", "Entries": [{"Id": "a"}]}) == (
        "MissingParameter",
        "The request must contain the parameter SendMessageBatchRequestEntry.1.MessageBody.",
    )


def test_cloudwatch_names_the_path_of_what_is_missing():
    params = {"Namespace": "n", "MetricData": [{"MetricName": "m"}, {"Value": 1.0}]}
    assert violation("cloudwatch", "PutMetricData", params) == (
        "MissingParameter",
        "The parameter MetricData.member.2.MetricName is required.",
    )


def test_sqs_and_sns_word_their_own_limits():
    assert passes("sqs", "ReceiveMessage", {"QueueUrl": "u", "MaxNumberOfMessages": 11})
    assert passes("sns", "TagResource", {"ResourceArn": "", "Tags": []})


def test_length_is_counted_as_java_counts_it():
    assert passes("sts", "AssumeRole", {"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "s" * 64})
    emoji = "\U0001f600" * 65  # 130 UTF-16 units
    message = violation("iam", "CreateUser", {"UserName": "u", "Tags": [{"Key": emoji, "Value": "v"}]})[1]
    assert "Member must have length less than or equal to 128" in message


def test_a_text_too_long_for_a_pattern_that_could_backtrack_is_refused_unread():
    message = violation("lambda", "GetFunction", {"FunctionName": "arn:aws:lambda:" + "a" * 1_000_000})[1]
    assert "Member must satisfy regular expression pattern" in message
    assert len(message) < 200_000
