// What the scripts beside this one share: the SDK, wherever it is installed, and clients of the node under test.
import assert from "node:assert/strict";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";

export const load = createRequire(`${process.env.SDK_DIRECTORY}/`);
export const SCHEME = new URL(process.env.AWS_ENDPOINT_URL).protocol;

export function made(package_, name, options = {}) {
  return new (load(package_)[name])({ maxAttempts: 1, ...options });
}

// Every host name is this machine, as a resolver would say that knows `*.localhost`.
export function onThisMachine() {
  const { NodeHttpHandler } = load("@smithy/node-http-handler");
  const lookup = (host, options, done) =>
    options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);
  return new NodeHttpHandler({ httpAgent: new http.Agent({ lookup }), httpsAgent: new https.Agent({ lookup }) });
}

// The requests a client sends: [method, path, headers].
export function watched(client) {
  const seen = [];
  client.middlewareStack.add(
    (next) => async (given) => {
      seen.push(given.request);
      return next(given);
    },
    { step: "finalizeRequest", priority: "low", name: "watched" },
  );
  return seen;
}

export async function refused(promise, name, status) {
  const error = await promise.then(
    () => assert.fail(`${name} was expected`),
    (error) => error,
  );
  assert.equal(error.name, name, error);
  assert.equal(error.$metadata?.httpStatusCode, status, error);
  return error;
}
