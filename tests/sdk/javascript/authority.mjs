// A wrong secret and an unknown key: each protocol's own words, as the SDK reads them.
import { made, refused } from "./sdk.mjs";

const wrong = { accessKeyId: "test", secretAccessKey: "wrong" };
const unknown = { accessKeyId: "AKIAUNKNOWNUNKNOWN12", secretAccessKey: "x" };
const calls = [
  ["@aws-sdk/client-s3", "S3", (s3) => s3.listBuckets(), ["SignatureDoesNotMatch", 403], ["InvalidAccessKeyId", 403]],
  ["@aws-sdk/client-sqs", "SQS", (sqs) => sqs.listQueues(), ["InvalidSignatureException", 400], ["UnrecognizedClientException", 400]],
  ["@aws-sdk/client-dynamodb", "DynamoDB", (db) => db.listTables(), ["InvalidSignatureException", 400], ["UnrecognizedClientException", 400]],
  ["@aws-sdk/client-lambda", "Lambda", (fn) => fn.listFunctions(), ["InvalidSignatureException", 403], ["UnrecognizedClientException", 403]],
  ["@aws-sdk/client-cloudwatch", "CloudWatch", (cw) => cw.listMetrics(), ["InvalidSignatureException", 400], ["UnrecognizedClientException", 400]],
];
for (const [package_, name, call, forWrong, forUnknown] of calls) {
  await refused(call(made(package_, name, { credentials: wrong })), ...forWrong);
  await refused(call(made(package_, name, { credentials: unknown })), ...forUnknown);
}
