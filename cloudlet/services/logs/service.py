"""Table of contents: every operation of the CloudWatch Logs API under its module, written or not."""

from cloudlet.kit.service import Service
from cloudlet.services.logs.keys import Keys

logs = Service(
    "logs",
    keys=Keys,
    contents={
        "group": "CreateLogGroup DeleteLogGroup DescribeLogGroups ListLogGroups PutRetentionPolicy"
        " DeleteRetentionPolicy PutLogGroupDeletionProtection AssociateKmsKey DisassociateKmsKey"
        " ListLogGroupsForQuery ListAggregateLogGroupSummaries PutBearerTokenAuthentication GetStorageTierPolicy"
        " PutStorageTierPolicy",
        "stream": "CreateLogStream DeleteLogStream DescribeLogStreams",
        "event": "PutLogEvents GetLogEvents",
        "search": "FilterLogEvents StartLiveTail",
        "tag": "TagResource UntagResource ListTagsForResource TagLogGroup UntagLogGroup ListTagsLogGroup",
        "metric_filter": "PutMetricFilter DeleteMetricFilter DescribeMetricFilters TestMetricFilter",
        "subscription": "PutSubscriptionFilter DeleteSubscriptionFilter DescribeSubscriptionFilters PutDestination"
        " DeleteDestination DescribeDestinations PutDestinationPolicy",
        "policy": "PutResourcePolicy DeleteResourcePolicy DescribeResourcePolicies PutAccountPolicy"
        " DeleteAccountPolicy DescribeAccountPolicies PutDataProtectionPolicy GetDataProtectionPolicy"
        " DeleteDataProtectionPolicy PutIndexPolicy DeleteIndexPolicy DescribeIndexPolicies DescribeFieldIndexes"
        " PutTransformer GetTransformer DeleteTransformer TestTransformer",
        "query": "StartQuery StopQuery GetQueryResults DescribeQueries PutQueryDefinition DeleteQueryDefinition"
        " DescribeQueryDefinitions GetLogGroupFields GetLogFields GetLogRecord GetLogObject CreateScheduledQuery"
        " UpdateScheduledQuery DeleteScheduledQuery GetScheduledQuery GetScheduledQueryHistory ListScheduledQueries"
        " CreateLookupTable UpdateLookupTable DeleteLookupTable GetLookupTable DescribeLookupTables",
        "delivery": "CreateDelivery DeleteDelivery GetDelivery DescribeDeliveries PutDeliveryDestination"
        " DeleteDeliveryDestination GetDeliveryDestination DescribeDeliveryDestinations PutDeliveryDestinationPolicy"
        " DeleteDeliveryDestinationPolicy GetDeliveryDestinationPolicy PutDeliverySource DeleteDeliverySource"
        " GetDeliverySource DescribeDeliverySources DescribeConfigurationTemplates UpdateDeliveryConfiguration",
        "transfer": "CreateExportTask CancelExportTask DescribeExportTasks CreateImportTask CancelImportTask"
        " DescribeImportTasks DescribeImportTaskBatches PutIntegration GetIntegration DeleteIntegration"
        " ListIntegrations AssociateSourceToS3TableIntegration DisassociateSourceFromS3TableIntegration"
        " ListSourcesForS3TableIntegration PutSyslogConfiguration DeleteSyslogConfiguration ListSyslogConfigurations",
        "anomaly": "CreateLogAnomalyDetector UpdateLogAnomalyDetector DeleteLogAnomalyDetector GetLogAnomalyDetector"
        " ListLogAnomalyDetectors ListAnomalies UpdateAnomaly",
    },
)
