// Queues: the SDK checks the MD5 of what it sends and receives by itself.
import assert from "node:assert/strict";
import { load, made, refused } from "./sdk.mjs";

const sqs = made("@aws-sdk/client-sqs", "SQS");
const QueueName = process.argv[2];
const { QueueUrl } = await sqs.createQueue({ QueueName, Attributes: { VisibilityTimeout: "7" }, tags: { team: "a" } });
assert.equal((await sqs.getQueueUrl({ QueueName })).QueueUrl, QueueUrl);
assert.equal((await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] })).Attributes.VisibilityTimeout, "7");
assert.deepEqual((await sqs.listQueueTags({ QueueUrl })).Tags, { team: "a" });

const MessageAttributes = {
  kind: { DataType: "String", StringValue: "ä" },
  count: { DataType: "Number", StringValue: "3" },
  raw: { DataType: "Binary", BinaryValue: Uint8Array.of(0, 255) },
};
await sqs.sendMessage({ QueueUrl, MessageBody: "häl\nlo 😀", MessageAttributes });
const batch = await sqs.sendMessageBatch({
  QueueUrl,
  Entries: [{ Id: "a", MessageBody: "1" }, { Id: "b", MessageBody: "\u0001" }],
});
assert.deepEqual(batch.Successful.map((each) => each.Id), ["a"]);
assert.equal(batch.Failed[0].Code, "InvalidMessageContents");

const received = [];
while (received.length < 2) {
  const { Messages } = await sqs.receiveMessage({
    QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 5, MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"],
  });
  received.push(...(Messages ?? assert.fail("a message is missing")));
}
const full = received.find((each) => each.Body === "häl\nlo 😀");
assert.deepEqual(full.MessageAttributes.raw.BinaryValue, Uint8Array.of(0, 255));
assert.equal(full.MessageAttributes.kind.StringValue, "ä");
assert.equal(full.Attributes.ApproximateReceiveCount, "1");
assert.deepEqual((await sqs.receiveMessage({ QueueUrl })).Messages, undefined);
await sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: full.ReceiptHandle, VisibilityTimeout: 0 });
const again = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 5 });
assert.equal(again.Messages[0].Body, full.Body);
await sqs.deleteMessage({ QueueUrl, ReceiptHandle: again.Messages[0].ReceiptHandle });
await sqs.purgeQueue({ QueueUrl });

await refused(sqs.getQueueUrl({ QueueName: "none" }), "QueueDoesNotExist", 400);
await refused(sqs.createQueue({ QueueName, Attributes: { VisibilityTimeout: "8" } }), "QueueNameExists", 400);
await refused(sqs.deleteMessage({ QueueUrl, ReceiptHandle: "x" }), "ReceiptHandleIsInvalid", 404);
await refused(sqs.sendMessageBatch({ QueueUrl, Entries: [] }), "EmptyBatchRequest", 400);

const names = [];
for await (const page of load("@aws-sdk/client-sqs").paginateListQueues({ client: sqs, pageSize: 1 }, { QueueNamePrefix: QueueName })) {
  names.push(...(page.QueueUrls ?? []));
}
assert.deepEqual(names, [QueueUrl]);
await sqs.deleteQueue({ QueueUrl });
