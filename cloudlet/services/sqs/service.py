"""Table of contents: every operation of the SQS API under its module, written or not."""

from cloudlet.kit.service import Service
from cloudlet.services.sqs.keys import Keys

QUEUE_OPERATIONS_ANYONE_MAY_TRY = frozenset(
    "SendMessage SendMessageBatch ReceiveMessage DeleteMessage DeleteMessageBatch ChangeMessageVisibility"
    " ChangeMessageVisibilityBatch GetQueueUrl GetQueueAttributes PurgeQueue ListDeadLetterSourceQueues".split()
)  # unsigned: the queue's policy decides; https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-basic-examples-of-sqs-policies.html

sqs = Service(
    "sqs",
    keys=Keys,
    contents={
        "queue": "CreateQueue DeleteQueue GetQueueUrl ListQueues GetQueueAttributes SetQueueAttributes PurgeQueue",
        "message": "SendMessage SendMessageBatch ReceiveMessage DeleteMessage DeleteMessageBatch"
        " ChangeMessageVisibility ChangeMessageVisibilityBatch",
        "redrive": "ListDeadLetterSourceQueues StartMessageMoveTask CancelMessageMoveTask ListMessageMoveTasks",
        "access": "AddPermission RemovePermission TagQueue UntagQueue ListQueueTags",
    },
    anonymous=QUEUE_OPERATIONS_ANYONE_MAY_TRY,
)
