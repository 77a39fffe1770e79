// Tables. The SDK checks the CRC32 of each answer where the header is there.
import assert from "node:assert/strict";
import { load, made, refused } from "./sdk.mjs";

const db = made("@aws-sdk/client-dynamodb", "DynamoDB");
const { waitUntilTableExists, paginateQuery } = load("@aws-sdk/client-dynamodb");
const TableName = process.argv[2];
await db.createTable({
  TableName,
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [{ AttributeName: "p", AttributeType: "S" }, { AttributeName: "s", AttributeType: "N" }],
  KeySchema: [{ AttributeName: "p", KeyType: "HASH" }, { AttributeName: "s", KeyType: "RANGE" }],
});
await waitUntilTableExists({ client: db, maxWaitTime: 10, minDelay: 0.1, maxDelay: 0.2 }, { TableName });

const Item = {
  p: { S: "ä 😀" }, s: { N: "1" }, b: { B: Uint8Array.of(1, 2) }, l: { L: [{ NULL: true }, { BOOL: false }] },
  m: { M: { n: { N: "1.5" } } }, ss: { SS: ["x", "y"] }, bs: { BS: [Uint8Array.of(9)] },
};
await db.putItem({ TableName, Item });
const got = await db.getItem({ TableName, Key: { p: Item.p, s: Item.s }, ConsistentRead: true });
assert.deepEqual(got.Item, Item);
const changed = await db.updateItem({
  TableName, Key: { p: Item.p, s: Item.s }, UpdateExpression: "SET #m.n = #m.n + :one REMOVE l", ReturnValues: "UPDATED_NEW",
  ExpressionAttributeNames: { "#m": "m" }, ExpressionAttributeValues: { ":one": { N: "1" } },
});
assert.deepEqual(changed.Attributes, { m: { M: { n: { N: "2.5" } } } });
const failed = await refused(
  db.putItem({ TableName, Item, ConditionExpression: "attribute_not_exists(p)", ReturnValuesOnConditionCheckFailure: "ALL_OLD" }),
  "ConditionalCheckFailedException", 400,
);
assert.deepEqual(failed.Item.m, { M: { n: { N: "2.5" } } });

const rows = Array.from({ length: 12 }, (_, n) => ({ PutRequest: { Item: { p: { S: "row" }, s: { N: `${n}` } } } }));
assert.deepEqual((await db.batchWriteItem({ RequestItems: { [TableName]: rows } })).UnprocessedItems, {});
const numbers = [];
const query = { TableName, KeyConditionExpression: "p = :p", ExpressionAttributeValues: { ":p": { S: "row" } } };
for await (const page of paginateQuery({ client: db, pageSize: 5 }, query)) numbers.push(...page.Items.map((each) => +each.s.N));
assert.deepEqual(numbers, [...Array(12).keys()]);

const canceled = await refused(
  db.transactWriteItems({
    TransactItems: [
      { Put: { TableName, Item: { p: { S: "t" }, s: { N: "1" } } } },
      { ConditionCheck: { TableName, Key: { p: { S: "t" }, s: { N: "2" } }, ConditionExpression: "attribute_exists(p)" } },
    ],
  }),
  "TransactionCanceledException", 400,
);
assert.deepEqual(canceled.CancellationReasons.map((each) => each.Code), ["None", "ConditionalCheckFailed"]);
assert.equal((await db.getItem({ TableName, Key: { p: { S: "t" }, s: { N: "1" } } })).Item, undefined);

await refused(db.getItem({ TableName: "none", Key: { p: { S: "x" } } }), "ResourceNotFoundException", 400);
await refused(db.getItem({ TableName, Key: { p: { S: "x" } } }), "ValidationException", 400);
await db.deleteTable({ TableName });
