"""SQS over the query protocol: names, wrappers and error codes that the model lost when it became JSON-only.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html ("Query protocol" examples)
"""

from typing import Any

from cloudlet.wire.overlays.overlay import Overlay

# List shape → the name that stands before ".N" in requests, and the element's name in answers.
_LISTS = {
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "BinaryList": "BinaryListValue",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
}
# Map shape → (its name where it is a member, the names of key and value).
_MAPS = {
    "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
    "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
    "QueueAttributeMap": ("Attribute", "Name", "Value"),
    "TagMap": ("Tag", "Key", "Value"),
}
_MAP_MEMBERS = {
    "CreateQueueRequest": {"Attributes": "QueueAttributeMap", "tags": "TagMap"},
    "GetQueueAttributesResult": {"Attributes": "QueueAttributeMap"},
    "ListQueueTagsResult": {"Tags": "TagMap"},
    "Message": {"Attributes": "MessageSystemAttributeMap", "MessageAttributes": "MessageBodyAttributeMap"},
    "SendMessageBatchRequestEntry": {
        "MessageAttributes": "MessageBodyAttributeMap",
        "MessageSystemAttributes": "MessageBodySystemAttributeMap",
    },
    "SendMessageRequest": {
        "MessageAttributes": "MessageBodyAttributeMap",
        "MessageSystemAttributes": "MessageBodySystemAttributeMap",
    },
    "SetQueueAttributesRequest": {"Attributes": "QueueAttributeMap"},
    "TagQueueRequest": {"Tags": "TagMap"},
}


def _shapes() -> dict[str, dict[str, Any]]:
    shapes: dict[str, dict[str, Any]] = {}
    for name, element in _LISTS.items():
        shapes[name] = {"flattened": True, "member": {"locationName": element}}
    for name, (_, key, value) in _MAPS.items():
        shapes[name] = {"flattened": True, "key": {"locationName": key}, "value": {"locationName": value}}
    for name, members in _MAP_MEMBERS.items():
        shapes[name] = {"members": {member: {"locationName": _MAPS[shape][0]} for member, shape in members.items()}}
    return shapes


_OWN = "AWS.SimpleQueueService."

OVERLAY = Overlay(
    protocols=("query",),
    query_shapes=_shapes(),
    query_namespace="http://queue.amazonaws.com/doc/2012-11-05/",
    query_result_wrappers=True,
    query_declaration='<?xml version="1.0"?>',
    query_path_member="QueueUrl",
    query_error_detail=True,
    query_errors={
        "BatchEntryIdsNotDistinct": (_OWN + "BatchEntryIdsNotDistinct", 400),
        "BatchRequestTooLong": (_OWN + "BatchRequestTooLong", 400),
        "EmptyBatchRequest": (_OWN + "EmptyBatchRequest", 400),
        "InvalidAddress": ("InvalidAddress", 404),
        "InvalidAttributeName": ("InvalidAttributeName", 400),
        "InvalidAttributeValue": ("InvalidAttributeValue", 400),
        "InvalidBatchEntryId": (_OWN + "InvalidBatchEntryId", 400),
        "InvalidIdFormat": ("InvalidIdFormat", 404),
        "InvalidMessageContents": ("InvalidMessageContents", 400),
        "InvalidParameterValueException": ("InvalidParameterValue", 400),
        "InvalidSecurity": ("InvalidSecurity", 403),
        "KmsAccessDenied": ("KMS.AccessDeniedException", 400),
        "KmsDisabled": ("KMS.DisabledException", 400),
        "KmsInvalidKeyUsage": ("KMS.InvalidKeyUsageException", 400),
        "KmsInvalidState": ("KMS.InvalidStateException", 400),
        "KmsNotFound": ("KMS.NotFoundException", 400),
        "KmsOptInRequired": ("KMS.OptInRequired", 403),
        "KmsThrottled": ("KMS.ThrottlingException", 400),
        "MessageNotInflight": (_OWN + "MessageNotInflight", 400),
        "MissingRequiredParameterException": ("MissingParameter", 400),
        "OverLimit": ("OverLimit", 403),
        "PurgeQueueInProgress": (_OWN + "PurgeQueueInProgress", 403),
        "QueueDeletedRecently": (_OWN + "QueueDeletedRecently", 400),
        "QueueDoesNotExist": (_OWN + "NonExistentQueue", 400),
        "QueueNameExists": ("QueueAlreadyExists", 400),
        "ReceiptHandleIsInvalid": ("ReceiptHandleIsInvalid", 404),
        "RequestThrottled": ("RequestThrottled", 403),
        "ResourceNotFoundException": ("ResourceNotFoundException", 404),
        "TooManyEntriesInBatchRequest": (_OWN + "TooManyEntriesInBatchRequest", 400),
        "UnsupportedOperation": (_OWN + "UnsupportedOperation", 400),
    },
    json_error_namespace="com.amazonaws.sqs#",
    json_framework_namespace="com.amazon.coral.service#",
    json_validation_namespace="com.amazon.coral.validate#",
    missing_code="MissingParameter",
    missing_message="The request must contain the parameter {name}.",
    check_constraints=False,
)
