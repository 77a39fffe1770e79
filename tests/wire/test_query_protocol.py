"""The query protocol: forms, SQS's own names, XML answers and errors."""

import random
from urllib.parse import quote, unquote_to_bytes
from xml.etree import ElementTree

import pytest

from cloudlet.base.errors import AccessDenied, AwsError, aws_error
from cloudlet.wire import query
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.model import load


def parsed(service, form, url_form=""):
    model = load(service)
    request = HttpRequest("POST", "/", url_form, [], form.encode())
    name, bound = query.match(model, request)
    return name, query.parse(model, model.operations[name], request, bound)


def refused(service, form):
    with pytest.raises(AwsError) as caught:
        parsed(service, form)
    assert caught.value.status == 400
    return caught.value.code, caught.value.message


def test_parameters_come_from_the_body_the_url_or_both():
    assert parsed("sqs", "Action=GetQueueUrl&QueueName=q") == ("GetQueueUrl", {"QueueName": "q"})
    assert parsed("sqs", "", "Action=GetQueueUrl&QueueName=q") == ("GetQueueUrl", {"QueueName": "q"})
    assert parsed("sqs", "QueueName=body", "Action=GetQueueUrl&QueueName=url")[1] == {"QueueName": "body"}


def test_text_is_decoded_once_and_plus_is_a_space():
    assert parsed("sqs", "Action=SendMessage&MessageBody=a%2Bb+c%2525%C3%A9")[1] == {"MessageBody": "a+b c%25é"}


def test_of_duplicates_the_last_counts():
    assert parsed("sqs", "Action=GetQueueUrl&QueueName=a&QueueName=b")[1] == {"QueueName": "b"}


def test_an_unknown_action_is_no_operation():
    for form in ("Action=Nonsense", "QueueName=q", ""):
        assert query.match(load("sqs"), HttpRequest("POST", "/", "", [], form.encode()))[0] is None


def test_sqs_lists_and_maps_have_their_old_names():
    assert parsed(
        "sqs",
        "Action=SendMessage&QueueUrl=u&MessageBody=b&MessageAttribute.1.Name=n&MessageAttribute.1.Value.StringValue=v"
        "&MessageAttribute.1.Value.DataType=String&MessageAttribute.2.Name=b&MessageAttribute.2.Value.BinaryValue=AAE%3D"
        "&MessageAttribute.2.Value.DataType=Binary&MessageSystemAttribute.1.Name=AWSTraceHeader"
        "&MessageSystemAttribute.1.Value.StringValue=t&MessageSystemAttribute.1.Value.DataType=String",
    )[1] == {
        "QueueUrl": "u",
        "MessageBody": "b",
        "MessageAttributes": {
            "n": {"StringValue": "v", "DataType": "String"},
            "b": {"BinaryValue": b"\0\1", "DataType": "Binary"},
        },
        "MessageSystemAttributes": {"AWSTraceHeader": {"StringValue": "t", "DataType": "String"}},
    }
    assert parsed(
        "sqs",
        "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Tag.1.Key=k&Tag.1.Value=v",
    )[1] == {"QueueName": "q", "Attributes": {"DelaySeconds": "5"}, "tags": {"k": "v"}}
    assert parsed("sqs", "Action=ReceiveMessage&AttributeName.1=All&MessageAttributeName.1=a.*")[1] == {
        "AttributeNames": ["All"],
        "MessageAttributeNames": ["a.*"],
    }
    assert parsed("sqs", "Action=GetQueueAttributes&AttributeName=All")[1] == {"AttributeNames": ["All"]}
    assert parsed(
        "sqs",
        "Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=x"
        "&SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.DelaySeconds=7",
    )[1] == {"Entries": [{"Id": "a", "MessageBody": "x"}, {"Id": "b", "DelaySeconds": 7}]}
    assert parsed("sqs", "Action=AddPermission&AWSAccountId.1=1&ActionName.1=SendMessage")[1] == {
        "AWSAccountIds": ["1"],
        "Actions": ["SendMessage"],
    }


def test_a_request_to_a_queues_own_url_is_about_that_queue():
    model = load("sqs")
    request = HttpRequest("GET", "/000000000000/q/", "Action=DeleteQueue", [("host", "127.0.0.1:4566")])
    name, bound = query.match(model, request)
    assert query.parse(model, model.operations[name], request, bound) == {
        "QueueUrl": "http://127.0.0.1:4566/000000000000/q"
    }
    request.path = "/"
    assert query.parse(model, model.operations[name], request, bound) == {}


def test_ten_and_more_elements_stay_in_numeric_order():
    form = "Action=UntagUser&UserName=u" + "".join(f"&TagKeys.member.{n}=k{n}" for n in (11, 2, 1, 10))
    assert parsed("iam", form)[1]["TagKeys"] == ["k1", "k2", "k10", "k11"]


def test_an_empty_list_is_an_empty_list():
    assert parsed("iam", "Action=UntagUser&UserName=u&TagKeys=")[1] == {"UserName": "u", "TagKeys": []}


@pytest.mark.parametrize(
    ("service", "form", "code"),
    [
        ("sqs", "Action=SendMessage&DelaySeconds=soon", "MalformedInput"),
        ("sqs", "Action=SendMessage&DelaySeconds=1_0", "MalformedInput"),
        ("sqs", "Action=SendMessage&DelaySeconds=99999999999", "MalformedInput"),
        ("sqs", "Action=SendMessage&MessageBody.1=x", "MalformedInput"),
        ("sqs", "Action=SendMessage&MessageAttribute.x.Name=n", "MalformedInput"),
        ("sqs", "Action=SendMessage&MessageAttribute.1.Name=n", "MalformedInput"),
        ("sqs", "Action=SendMessage&MessageAttribute.1.Value.StringValue=n", "MalformedInput"),
        ("iam", "Action=UntagUser&TagKeys.member=x", "MalformedInput"),
        ("iam", "Action=ListUsers&MaxItems.member.1=1", "MalformedInput"),
        ("cloudwatch", "Action=GetMetricStatistics&StartTime=yesterday", "MalformedInput"),
        ("sqs", "Action=SendMessage&MessageBody=%ff", "MalformedQueryString"),
        ("sqs", "Action=SendMessage" + "&a=1" * 20_000, "MalformedQueryString"),
    ],
)
def test_a_form_that_is_not_what_the_model_says_is_refused(service, form, code):
    assert refused(service, form)[0] == code


def test_a_bad_instant_is_named_in_cloudwatchs_words():
    assert refused("cloudwatch", "Action=GetMetricStatistics&StartTime=x")[1] == "timestamp must follow ISO8601"


def test_an_sqs_answer_is_as_aws_documents_it():
    model = load("sqs")
    result = {
        "Messages": [
            {
                "MessageId": "5fea7756",
                "Body": "a<b>&\x01\r",
                "Attributes": {"SenderId": "195004372649"},
                "MessageAttributes": {"n": {"DataType": "Binary", "BinaryValue": b"\0\1"}},
            }
        ]
    }
    body = query.render(model, model.operations["ReceiveMessage"], result, "b6633655").body
    assert body.decode() == (
        '<?xml version="1.0"?><ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">'
        "<ReceiveMessageResult><Message><MessageId>5fea7756</MessageId><Body>a&lt;b&gt;&amp;&#x1;&#xd;</Body>"
        "<Attribute><Name>SenderId</Name><Value>195004372649</Value></Attribute>"
        "<MessageAttribute><Name>n</Name><Value><BinaryValue>AAE=</BinaryValue><DataType>Binary</DataType></Value>"
        "</MessageAttribute></Message></ReceiveMessageResult>"
        "<ResponseMetadata><RequestId>b6633655</RequestId></ResponseMetadata></ReceiveMessageResponse>"
    )


def test_an_operation_without_output_answers_metadata_only():
    model = load("sqs")
    body = query.render(model, model.operations["DeleteMessage"], None, "r-1").body
    assert b"DeleteMessageResult" not in body
    assert ElementTree.fromstring(body).find("{*}ResponseMetadata/{*}RequestId").text == "r-1"


def test_an_answer_keeps_the_order_of_the_model_and_writes_instants_as_iso_8601():
    model = load("iam")
    user = {"CreateDate": 1_767_225_600_000, "UserName": "u", "Path": "/", "UserId": "AIDA", "Arn": "arn"}
    body = query.render(model, model.operations["GetUser"], {"User": user}, "r").body.decode()
    assert "<CreateDate>2026-01-01T00:00:00Z</CreateDate>" in body
    assert body.index("<Path>") < body.index("<UserName>") < body.index("<CreateDate>")


def error(service, raised):
    response = query.render_error(load(service), None, raised, "r-1")
    return response.status, response.body.decode()


def test_an_sqs_error_has_its_old_code_and_status():
    status, body = error("sqs", aws_error("QueueDoesNotExist", "The specified <queue> does not exist."))
    assert status == 400
    assert body == (
        '<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error>'
        "<Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>"
        "<Message>The specified &lt;queue&gt; does not exist.</Message><Detail/></Error>"
        "<RequestId>r-1</RequestId></ErrorResponse>"
    )


def test_an_error_has_the_models_status_and_its_fault():
    assert error("iam", aws_error("NoSuchEntity", "m"))[0] == 404
    assert error("sns", aws_error("NotFound", "Topic does not exist"))[0] == 404
    status, body = error("iam", aws_error("ServiceFailure", "m", 500))
    assert status == 500 and "<Type>Receiver</Type>" in body


def test_a_denial_is_access_denied():
    status, body = error("iam", AccessDenied("User: x is not authorized"))
    assert status == 403 and "<Code>AccessDenied</Code>" in body


def test_sns_calls_a_denial_by_its_own_name():
    status, body = error("sns", AccessDenied("User: x is not authorized"))
    assert status == 403 and "<Code>AuthorizationError</Code>" in body


def test_escapes_are_read_as_the_standard_library_reads_them():
    chance = random.Random(7)
    for _ in range(5000):
        data = bytes(chance.choices(b"%%%=\n\r\t aAfF019zZ+.\xc3\x00", k=chance.randrange(14)))
        assert query.unescaped(data) == unquote_to_bytes(data)
    whole = bytes(range(256)) * 3
    assert query.unescaped(quote(whole, safe="").encode()) == whole
