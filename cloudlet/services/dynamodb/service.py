"""Table of contents: every operation of the DynamoDB API under its module, written or not."""

from cloudlet.kit.service import Service
from cloudlet.services.dynamodb.keys import Keys

dynamodb = Service(
    "dynamodb",
    keys=Keys,
    contents={
        "table": "CreateTable DeleteTable DescribeTable ListTables UpdateTable",
        "item": "PutItem GetItem UpdateItem DeleteItem",
        "query": "Query Scan SearchVectors",
        "batch": "BatchGetItem BatchWriteItem",
        "transact": "TransactWriteItems TransactGetItems",
        "tags": "TagResource UntagResource ListTagsOfResource",
        "limits": "DescribeLimits DescribeEndpoints",
        "features": "UpdateTimeToLive DescribeTimeToLive UpdateContinuousBackups DescribeContinuousBackups"
        " PutResourcePolicy GetResourcePolicy DeleteResourcePolicy"
        " DescribeContributorInsights ListContributorInsights UpdateContributorInsights"
        " EnableKinesisStreamingDestination DisableKinesisStreamingDestination DescribeKinesisStreamingDestination"
        " UpdateKinesisStreamingDestination",
        "partiql": "ExecuteStatement BatchExecuteStatement ExecuteTransaction",
        "backup": "CreateBackup DeleteBackup DescribeBackup ListBackups RestoreTableFromBackup"
        " RestoreTableToPointInTime",
        "bulk": "ExportTableToPointInTime DescribeExport ListExports ImportTable DescribeImport ListImports"
        " StartBulkPutItems DescribeBulkOperation ListBulkOperations CancelBulkOperation",
        "global_table": "CreateGlobalTable DescribeGlobalTable ListGlobalTables UpdateGlobalTable"
        " DescribeGlobalTableSettings UpdateGlobalTableSettings DescribeTableReplicaAutoScaling"
        " UpdateTableReplicaAutoScaling",
    },
)
