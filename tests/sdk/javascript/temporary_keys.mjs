// Keys of a role that may list buckets and nothing else: the denial in each protocol's own words. Where a service grew out
// of the query protocol the SDK goes by that one's name, which a header carries.
import assert from "node:assert/strict";
import { load, made, refused } from "./sdk.mjs";

const s3 = made("@aws-sdk/client-s3", "S3");
assert.ok((await s3.listBuckets()).Owner);
await refused(s3.createBucket({ Bucket: "denied" }), "AccessDenied", 403);
const { getSignedUrl } = load("@aws-sdk/s3-request-presigner");
const { ListBucketsCommand } = load("@aws-sdk/client-s3");
const url = await getSignedUrl(s3, new ListBucketsCommand({}));
assert.ok(url.includes("X-Amz-Security-Token="));
assert.equal((await fetch(url)).status, 200);

const denied = [
  ["@aws-sdk/client-sqs", "SQS", (sqs) => sqs.listQueues(), "AccessDenied", 403],
  ["@aws-sdk/client-dynamodb", "DynamoDB", (db) => db.listTables(), "AccessDeniedException", 400],
  ["@aws-sdk/client-lambda", "Lambda", (fn) => fn.listFunctions(), "AccessDeniedException", 403],
  ["@aws-sdk/client-cloudwatch", "CloudWatch", (cw) => cw.listMetrics(), "AccessDenied", 403],
];
for (const [package_, name, call, code, status] of denied) {
  const error = await refused(call(made(package_, name)), code, status);
  assert.match(error.message, /assumed-role\/.* is not authorized to perform: \w+:List/);
}
