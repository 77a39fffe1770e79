"""Table of contents: every operation of the CloudWatch API under its module, written or not."""

from cloudlet.kit.service import Service
from cloudlet.services.cloudwatch.keys import Keys

cloudwatch = Service(
    "cloudwatch",
    keys=Keys,
    contents={
        "metric": "PutMetricData ListMetrics GetMetricStatistics",
        "query": "GetMetricData GetMetricWidgetImage PutMetricDataQueryDefinition GetMetricDataQueryDefinition"
        " ListMetricDataQueryDefinitions DeleteMetricDataQueryDefinition",
        "alarm": "PutMetricAlarm PutCompositeAlarm DescribeAlarms DescribeAlarmsForMetric DeleteAlarms SetAlarmState"
        " EnableAlarmActions"
        " DisableAlarmActions DescribeAlarmContributors PutLogAlarm PutAlarmMuteRule GetAlarmMuteRule"
        " DeleteAlarmMuteRule ListAlarmMuteRules",
        "history": "DescribeAlarmHistory",
        "tag": "TagResource UntagResource ListTagsForResource",
        "dashboard": "PutDashboard GetDashboard ListDashboards DeleteDashboards",
        "anomaly": "PutAnomalyDetector DescribeAnomalyDetectors DeleteAnomalyDetector",
        "stream": "PutMetricStream GetMetricStream ListMetricStreams DeleteMetricStream StartMetricStreams"
        " StopMetricStreams",
        "insight": "PutInsightRule DescribeInsightRules DeleteInsightRules EnableInsightRules DisableInsightRules"
        " GetInsightRuleReport PutManagedInsightRules ListManagedInsightRules",
        "telemetry": "StartOTelEnrichment StopOTelEnrichment GetOTelEnrichment UpdateOTelEnrichment GetDataset"
        " AssociateDatasetKmsKey DisassociateDatasetKmsKey CreateResourceMetricsConfiguration"
        " GetResourceMetricsConfiguration UpdateResourceMetricsConfiguration DeleteResourceMetricsConfiguration",
    },
    principal="cloudwatch.amazonaws.com",
)
