// A function: made from a zip file, invoked, failing, its answer streamed where that is written.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { load, made, refused } from "./sdk.mjs";

const lambda = made("@aws-sdk/client-lambda", "Lambda");
const { waitUntilFunctionActiveV2, paginateListFunctions } = load("@aws-sdk/client-lambda");
const [FunctionName, Role, zip] = process.argv.slice(2);
const created = await lambda.createFunction({
  FunctionName, Role, Runtime: "python3.11", Handler: "app.handler", Timeout: 10, Code: { ZipFile: readFileSync(zip) },
  Environment: { Variables: { GREETING: "hällo" } },
});
assert.ok(created.FunctionArn.endsWith(`:function:${FunctionName}`));
await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 10, minDelay: 0.1, maxDelay: 0.2 }, { FunctionName });

const answer = await lambda.invoke({ FunctionName, Payload: JSON.stringify({ who: "ä" }), LogType: "Tail" });
assert.equal(answer.StatusCode, 200);
assert.deepEqual(JSON.parse(answer.Payload.transformToString()), { said: "hällo ä" });
assert.match(Buffer.from(answer.LogResult, "base64").toString(), /asked by ä/);
const failing = await lambda.invoke({ FunctionName, Payload: "{}" });
assert.equal(failing.FunctionError, "Unhandled");
assert.equal(JSON.parse(failing.Payload.transformToString()).errorType, "KeyError");
assert.equal((await lambda.invoke({ FunctionName, Payload: '{"who": 1}', InvocationType: "Event" })).StatusCode, 202);
assert.equal((await lambda.invoke({ FunctionName, InvocationType: "DryRun" })).StatusCode, 204);

const { Version } = await lambda.publishVersion({ FunctionName });
await lambda.createAlias({ FunctionName, Name: "live", FunctionVersion: Version });
const live = await lambda.invoke({ FunctionName, Qualifier: "live", Payload: '{"who": "x"}' });
assert.equal(live.ExecutedVersion, Version);
await lambda.updateFunctionConfiguration({ FunctionName, MemorySize: 256 });
assert.equal((await lambda.getFunctionConfiguration({ FunctionName })).MemorySize, 256);
const names = [];
for await (const page of paginateListFunctions({ client: lambda }, {})) names.push(...page.Functions.map((each) => each.FunctionName));
assert.ok(names.includes(FunctionName));
await refused(lambda.invoke({ FunctionName: "none" }), "ResourceNotFoundException", 404);
await refused(lambda.invoke({ FunctionName, Payload: "{" }), "InvalidRequestContentException", 400);
await refused(lambda.getFunction({ FunctionName: "none" }), "ResourceNotFoundException", 404);
await lambda.deleteFunction({ FunctionName });
