"""CloudWatch metrics and alarms: answered over smithy-rpc-v2-cbor, json and query."""

from cloudlet.wire.overlays.overlay import Overlay

OVERLAY = Overlay(
    json_error_namespace="com.amazonaws.cloudwatch#",
    json_framework_namespace="com.amazon.coral.service#",
    json_validation_namespace="com.amazon.coral.validate#",
    missing_code="MissingParameter",
    missing_message="The parameter {name} is required.",
)
