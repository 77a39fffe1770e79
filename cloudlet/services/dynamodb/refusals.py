"""What is counted of refused requests: after their transaction, which left nothing.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
"""

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.services.dynamodb.errors import ConditionalCheckFailedException, TransactionCanceledException
from cloudlet.services.dynamodb.service import dynamodb


@dynamodb.counts_refusals
def count_refusal(call: Call, error: AwsError) -> None:
    if isinstance(error, ConditionalCheckFailedException | TransactionCanceledException):
        for table_name in error.tables:
            call.count("ConditionalCheckFailedRequests", TableName=table_name)
    if error.status == 400 and not isinstance(error, ConditionalCheckFailedException):
        call.count("UserErrors")
