"""What expressions are refused for, in AWS's words."""

import contextlib
import random
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.dynamodb.expressions.request import read
from cloudlet.services.dynamodb.expressions.reserved import RESERVED_WORDS

PARAMETERS = ("UpdateExpression", "ConditionExpression", "FilterExpression", "ProjectionExpression")
N, S, L, BOOL = {"N": "1"}, {"S": "x"}, {"L": [{"S": "x"}]}, {"BOOL": True}


def refusal(*parameters: str, legacy: tuple[str, ...] = (), **request: Any) -> str:
    with pytest.raises(AwsError) as refused:
        read(request, *(parameters or PARAMETERS), legacy=legacy)
    assert refused.value.code == "ValidationException"
    return refused.value.message


def values(*given: dict[str, Any]) -> dict[str, Any]:
    return {f":{name}": value for name, value in zip("abcdef", given)}


@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        ("a == :a", "=", "== :a"),
        ("a-b = :a", "-", "a-b"),
        ("a =", "<EOF>", "="),
        ("a", "<EOF>", "a"),
        ("a AND b", "AND", "a AND b"),
        ("NOT (a)", "<EOF>", ")"),
        ("a = :a AND", "<EOF>", "AND"),
        ("a IN ()", ")", "()"),
        ("a BETWEEN :a", "<EOF>", ":a"),
        ("size()", ")", "()"),
        ("(a = :a", "<EOF>", ":a"),
        ("a = :a)", ")", ":a)"),
        ("a = 1", "1", "= 1"),
        ("a[:a] = :a", ":a", "[:a]"),
        ("a. = :a", "=", ". = :a"),
        ("a = :a ! b", "!", ":a ! b"),
        ("(a = :a) = :b", "=", ") = :b"),
    ],
)
def test_a_syntax_error_names_the_token_and_its_neighbours(text: str, token: str, near: str) -> None:
    expected = f'Invalid ConditionExpression: Syntax error; token: "{token}", near: "{near}"'
    assert refusal(ConditionExpression=text, ExpressionAttributeValues=values(N)) == expected


@pytest.mark.parametrize(
    ("text", "given", "problem"),
    [
        (" ", (N,), "The expression can not be empty;"),
        ("((a = :a))", (N,), "The expression has redundant parentheses;"),
        ("a = ((:a))", (N,), "The expression has redundant parentheses;"),
        ("foo(a)", (N,), "Invalid function name; function: foo"),
        ("ATTRIBUTE_EXISTS(a)", (N,), "Invalid function name; function: ATTRIBUTE_EXISTS"),
        (
            "if_not_exists(a, :a) = :a",
            (N,),
            "The function is not allowed in a condition expression; function: if_not_exists",
        ),
        ("size(a)", (N,), "The function is not allowed to be used this way in an expression; function: size"),
        (
            "contains(a, :a) = :a",
            (N,),
            "The function is not allowed to be used this way in an expression; function: contains",
        ),
        ("name = :a", (N,), "Attribute name is a reserved keyword; reserved keyword: name"),
        ("a.Status = :a", (N,), "Attribute name is a reserved keyword; reserved keyword: Status"),
        (
            "#x = :a",
            (N,),
            "An expression attribute name used in the document path is not defined; attribute name: #x",
        ),
        ("a = :b", (N,), "An expression attribute value used in expression is not defined; attribute value: :b"),
        (
            "attribute_exists(a, b)",
            (N,),
            "Incorrect number of operands for operator or function; "
            "operator or function: attribute_exists, number of operands: 2",
        ),
        (
            "attribute_exists(:a)",
            (N,),
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "begins_with(a, :a)",
            (N,),
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "a < :a",
            (BOOL,),
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
        (
            "size(:a) < :b",
            (N, N),
            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
        ),
        (
            "attribute_type(a, :a)",
            (N,),
            "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N",
        ),
        (
            "attribute_type(a, :a)",
            (S,),
            "Invalid attribute type name found; type: x, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "a BETWEEN :a AND :b",
            ({"N": "2"}, N),
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
        ),
        (
            "a BETWEEN :a AND :b",
            (S, N),
            "The BETWEEN operator requires same data type for lower and upper bounds; "
            "lower bound operand: AttributeValue: {S:x}, upper bound operand: AttributeValue: {N:1}",
        ),
        (
            "l[0] = l[0]",
            (N,),
            "The first operand must be distinct from the remaining operands for this operator or function; "
            "operator: =, first operand: [l, [0]]",
        ),
        (
            "a IN (" + ", ".join([":a"] * 101) + ")",
            (N,),
            "The IN operator is provided with too many operands; number of operands: 101",
        ),
        ("a" * 4097, (N,), "Expression size has exceeded the maximum allowed size; expression size: 4097"),
        (
            ".".join(["a"] * 33) + " = :a",
            (N,),
            "The document path has too many nesting elements; nesting levels: 33",
        ),
        ("l[9999999] = :a", (N,), "List index is not within the allowable range; index: [9999999]"),
    ],
)
def test_a_condition_is_refused_in_aws_words(text: str, given: tuple[Any, ...], problem: str) -> None:
    message = refusal(ConditionExpression=text, ExpressionAttributeValues=values(*given))
    assert message == f"Invalid ConditionExpression: {problem}"


@pytest.mark.parametrize(
    ("text", "given", "problem"),
    [
        ("a = :a", (N,), 'Syntax error; token: "a", near: "a ="'),
        ("SET a", (N,), 'Syntax error; token: "<EOF>", near: "a"'),
        ("SET a = :a,", (N,), 'Syntax error; token: "<EOF>", near: ","'),
        ("SET a = :a SET b = :a", (N,), 'The "SET" section can only be used once in an update expression;'),
        ("SET a = foo(:a)", (N,), "Invalid function name; function: foo"),
        ("SET a = size(b)", (N,), "The function is not allowed in an update expression; function: size"),
        (
            "SET a = :a + :b",
            (N, S),
            "Incorrect operand type for operator or function; operator or function: +, operand type: S",
        ),
        (
            "SET a = list_append(b, :a)",
            (S,),
            "Incorrect operand type for operator or function; operator or function: list_append, operand type: S",
        ),
        (
            "SET a = if_not_exists(:a, :a)",
            (S,),
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "SET a = list_append(b)",
            (S,),
            "Incorrect number of operands for operator or function; "
            "operator or function: list_append, number of operands: 1",
        ),
        (
            "ADD a :a",
            (S,),
            "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, "
            "typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "DELETE a :a",
            (N,),
            "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, "
            "typeSet: ALLOWED_FOR_DELETE_OPERAND",
        ),
        (
            "SET a.b = :a REMOVE a",
            (N,),
            "Two document paths overlap with each other; must remove or rewrite one of these paths; "
            "path one: [a, b], path two: [a]",
        ),
        (
            "SET a[0] = :a, a.b = :a",
            (N,),
            "Two document paths conflict with each other; must remove or rewrite one of these paths; "
            "path one: [a, [0]], path two: [a, b]",
        ),
    ],
)
def test_an_update_is_refused_in_aws_words(text: str, given: tuple[Any, ...], problem: str) -> None:
    message = refusal(UpdateExpression=text, ExpressionAttributeValues=values(*given))
    assert message == f"Invalid UpdateExpression: {problem}"


def test_overlapping_paths_of_a_projection_are_refused() -> None:
    assert refusal(ProjectionExpression="a, b, a[1]") == (
        "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of "
        "these paths; path one: [a], path two: [a, [1]]"
    )


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"ConditionExpression": "a = :a", "ExpressionAttributeValues": values(N, N)},
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}",
        ),
        (
            {"ProjectionExpression": "a", "ExpressionAttributeNames": {"#x": "x", "#y": "y"}},
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x, #y}",
        ),
        (
            {"ExpressionAttributeNames": {"#x": "x"}},
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        ({"ProjectionExpression": "a", "ExpressionAttributeNames": {}}, "ExpressionAttributeNames must not be empty"),
        (
            {"ConditionExpression": "a = :a", "ExpressionAttributeValues": {}},
            "ExpressionAttributeValues must not be empty",
        ),
        (
            {"ProjectionExpression": "a", "ExpressionAttributeNames": {"x": "x"}},
            'ExpressionAttributeNames contains invalid key: Syntax error; key: "x"',
        ),
        (
            {"ConditionExpression": "a = :a", "ExpressionAttributeValues": {"a": N}},
            'ExpressionAttributeValues contains invalid key: Syntax error; key: "a"',
        ),
        (
            {"ConditionExpression": "a = :a", "ExpressionAttributeValues": {":a": {"N": "b"}}},
            "ExpressionAttributeValues contains invalid value: "
            "The parameter cannot be converted to a numeric value: b for key :a",
        ),
    ],
)
def test_names_and_values_are_refused_in_aws_words(request_: dict[str, Any], message: str) -> None:
    assert refusal(**request_) == message


def test_values_need_an_expression_that_takes_them() -> None:
    message = "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"
    assert refusal("ConditionExpression", ExpressionAttributeValues=values(N)) == message
    message = (
        "ExpressionAttributeValues can only be specified when using expressions: "
        "FilterExpression and KeyConditionExpression are null"
    )
    query = ("ProjectionExpression", "FilterExpression", "KeyConditionExpression")
    assert refusal(*query, ProjectionExpression="a", ExpressionAttributeValues=values(N)) == message


def test_expressions_and_their_predecessors_exclude_one_another() -> None:
    message = refusal(
        "UpdateExpression",
        "ConditionExpression",
        legacy=("AttributeUpdates", "Expected"),
        UpdateExpression="REMOVE a",
        Expected={"a": {"Exists": False}},
    )
    assert message == (
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {Expected} Expression parameters: {UpdateExpression}"
    )


def test_301_operators_are_too_many_and_300_are_not() -> None:
    def ands(comparisons: int) -> str:
        return " AND ".join(["a=:a"] * comparisons)

    assert read({"ConditionExpression": ands(150), "ExpressionAttributeValues": values(N)}, "ConditionExpression")
    message = refusal(ConditionExpression=ands(151), ExpressionAttributeValues=values(N))
    assert message.startswith("Invalid ConditionExpression: The expression contains too many operators")


def test_parentheses_without_end_are_refused_and_not_followed() -> None:
    message = refusal(ConditionExpression="(" * 4000)
    assert message == "Invalid ConditionExpression: The expression has redundant parentheses;"


def test_any_jumble_of_tokens_is_read_or_refused() -> None:
    chance = random.Random(3)
    words = "a #x :a ( ) [ ] . , 0 = <> < + - AND OR NOT IN BETWEEN SET REMOVE ADD size contains if_not_exists ! name"
    tokens = words.split()
    for _ in range(1500):
        text = " ".join(chance.choices(tokens, k=chance.randrange(1, 12)))
        request = {"ExpressionAttributeNames": {"#x": "x"}, "ExpressionAttributeValues": {":a": N}}
        for parameter in (*PARAMETERS, "KeyConditionExpression"):
            with contextlib.suppress(AwsError):
                read({parameter: text, **request}, parameter)


def test_aws_reserves_573_words() -> None:
    assert len(RESERVED_WORDS) == 573
    assert "NAME" in RESERVED_WORDS and "PK" not in RESERVED_WORDS
