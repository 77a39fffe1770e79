"""Reviewed facts, one file per service, that AWS's models no longer (or never) carry."""

from cloudlet.wire.overlays import cloudformation, cloudwatch, dynamodb, logs, s3, sns, sqs
from cloudlet.wire.overlays.overlay import Overlay

BY_SERVICE: dict[str, Overlay] = {
    "cloudformation": cloudformation.OVERLAY,
    "cloudwatch": cloudwatch.OVERLAY,
    "dynamodb": dynamodb.OVERLAY,
    "logs": logs.OVERLAY,
    "s3": s3.OVERLAY,
    "sns": sns.OVERLAY,
    "sqs": sqs.OVERLAY,
}
PLAIN = Overlay()
