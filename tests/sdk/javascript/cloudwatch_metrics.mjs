// Metrics and alarms, over each of the protocols that the SDK has for them.
import assert from "node:assert/strict";
import { load, made, refused, watched } from "./sdk.mjs";

const [Namespace, spoken] = process.argv.slice(2);
const { AwsSmithyRpcV2CborProtocol, AwsJson1_0Protocol, AwsQueryProtocol } = load("@aws-sdk/core/protocols");
const protocol = { cbor: AwsSmithyRpcV2CborProtocol, json: AwsJson1_0Protocol, query: AwsQueryProtocol }[spoken];
const cloudwatch = made("@aws-sdk/client-cloudwatch", "CloudWatch", { protocol });
const sent = watched(cloudwatch);
const Dimensions = [{ Name: "shop", Value: "a b" }];
const Timestamp = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 120_000);
await cloudwatch.putMetricData({
  Namespace,
  MetricData: [1.5, 2, 4].map((Value) => ({ MetricName: "Orders", Dimensions, Timestamp, Value, Unit: "Count" })),
});
const types = { cbor: "application/cbor", json: "application/x-amz-json-1.0", query: "application/x-www-form-urlencoded" };
assert.equal(sent[0].headers["content-type"], types[spoken]);
assert.ok(sent[0].headers["content-encoding"] === undefined);

// More than 10 KB are sent compressed; in CBOR this SDK would send the wrong length with it (boto3 does that right).
const many = Array.from({ length: 200 }, (_, n) => ({ MetricName: `Many${n}`, Dimensions, Timestamp, Value: n, Unit: "Count" }));
const sender = made("@aws-sdk/client-cloudwatch", "CloudWatch", { protocol, disableRequestCompression: spoken === "cbor" });
const large = watched(sender);
await sender.putMetricData({ Namespace, MetricData: many });
assert.equal(large[0].headers["content-encoding"], spoken === "cbor" ? undefined : "gzip");

const range = { StartTime: new Date(+Timestamp - 60_000), EndTime: new Date(+Timestamp + 60_000) };
const statistics = await cloudwatch.getMetricStatistics({
  Namespace, MetricName: "Orders", Dimensions, ...range, Period: 60, Statistics: ["Sum", "Maximum", "SampleCount"],
});
assert.deepEqual(statistics.Datapoints.map(({ Sum, Maximum, SampleCount, Unit }) => [Sum, Maximum, SampleCount, Unit]), [[7.5, 4, 3, "Count"]]);
assert.deepEqual(statistics.Datapoints[0].Timestamp, Timestamp);
const data = await cloudwatch.getMetricData({
  ...range,
  MetricDataQueries: [{ Id: "m", MetricStat: { Metric: { Namespace, MetricName: "Orders", Dimensions }, Period: 60, Stat: "Average" } }],
});
assert.deepEqual(data.MetricDataResults[0].Values, [2.5]);
assert.deepEqual(data.MetricDataResults[0].Timestamps, [Timestamp]);
const names = new Set();
const { paginateListMetrics } = load("@aws-sdk/client-cloudwatch");
for await (const page of paginateListMetrics({ client: cloudwatch }, { Namespace })) page.Metrics.forEach((each) => names.add(each.MetricName));
assert.equal(names.size, 201);

await cloudwatch.putMetricAlarm({
  AlarmName: Namespace, Namespace, MetricName: "Orders", Dimensions, Period: 60, EvaluationPeriods: 1, Statistic: "Sum",
  Threshold: 5, ComparisonOperator: "GreaterThanThreshold", TreatMissingData: "ignore",
});
const { MetricAlarms } = await cloudwatch.describeAlarms({ AlarmNames: [Namespace] });
assert.deepEqual([MetricAlarms[0].Threshold, MetricAlarms[0].ActionsEnabled], [5, true]);
assert.ok(MetricAlarms[0].StateUpdatedTimestamp instanceof Date);
await cloudwatch.setAlarmState({ AlarmName: Namespace, StateValue: "ALARM", StateReason: "by hand" });
await cloudwatch.deleteAlarms({ AlarmNames: [Namespace] });
await refused(cloudwatch.setAlarmState({ AlarmName: "none", StateValue: "OK", StateReason: "x" }), "ResourceNotFound", 404);
await refused(
  cloudwatch.getMetricStatistics({ Namespace, MetricName: "Orders", ...range, Period: 7, Statistics: ["Sum"] }),
  "InvalidParameterValueException", 400,
);
