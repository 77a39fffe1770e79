"""DynamoDB: error namespaces and the wording of its JSON errors."""

from cloudlet.wire.overlays.overlay import Overlay

OVERLAY = Overlay(
    json_error_namespace="com.amazonaws.dynamodb.v20120810#",
    json_framework_namespace="com.amazon.coral.service#",
    json_validation_namespace="com.amazon.coral.validate#",
    json_crc32=True,
    json_mismatch="cannot be converted to",
)
