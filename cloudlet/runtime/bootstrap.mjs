// The Node.js runtime: takes calls from the Lambda Runtime API and hands them to the handler, as AWS's own does.
// Node's own modules only. https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html, -context, -logging

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const taskRoot = process.env.LAMBDA_TASK_ROOT;
const [apiHost, apiPort] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const asJson = (process.env.AWS_LAMBDA_LOG_FORMAT ?? "").toUpperCase() === "JSON";
let requestId = undefined;

class RuntimeFault extends Error {
  constructor(kind, message) {
    super(message);
    this.name = kind;
  }
}

function callApi(method, route, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(body ?? "");
    const request = http.request(
      {
        host: apiHost,
        port: apiPort,
        method,
        path: `/2018-06-01/runtime${route}`,
        agent,
        headers: { "Content-Type": "application/json", "Content-Length": bytes.length, ...headers },
      },
      (response) => {
        const parts = [];
        response.on("data", (part) => parts.push(part));
        response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(parts) }));
        response.on("error", reject);
      },
    );
    request.on("error", reject);
    request.end(bytes);
  });
}

function errorFacts(error) {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function write(level, text, more = {}) {
  const timestamp = new Date().toISOString();
  if (asJson) {
    process.stdout.write(JSON.stringify({ timestamp, level, requestId, message: text, ...more }) + "\n");
  } else {
    process.stdout.write(`${timestamp}\t${requestId ?? "undefined"}\t${level}\t${text}\n`);
  }
}

function logError(label, facts, error) {
  const shown = { ...facts, ...(error instanceof Error ? { ...error } : {}), stack: facts.trace };
  delete shown.trace;
  write("ERROR", `${label}\t${JSON.stringify(shown)}`);
}

function patchConsole() {
  const levels = { log: "INFO", info: "INFO", debug: "DEBUG", trace: "TRACE", warn: "WARN", error: "ERROR" };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...values) => write(level, format(...values));
  }
  console.fatal = (...values) => write("FATAL", format(...values));
}

function moduleFile(name) {
  const base = path.resolve(taskRoot, name);
  return ["", ".js", ".mjs", ".cjs"].map((ending) => base + ending).find((file) => isFile(file));
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

async function loadModule(name) {
  const file = moduleFile(name);
  if (file === undefined) {
    throw new RuntimeFault("Runtime.ImportModuleError", `Error: Cannot find module '${path.basename(name)}'`);
  }
  try {
    if (file.endsWith(".mjs")) return await import(pathToFileURL(file));
    try {
      return createRequire(pathToFileURL(file))(file);
    } catch (error) {
      if (error.code === "ERR_REQUIRE_ESM") return await import(pathToFileURL(file));
      throw error;
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeFault("Runtime.UserCodeSyntaxError", String(error));
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
      throw new RuntimeFault("Runtime.ImportModuleError", String(error));
    }
    throw error;
  }
}

async function findHandler(text) {
  const folder = path.dirname(text);
  const [name, ...attributes] = path.basename(text).split(".");
  if (!name || attributes.length === 0) throw new RuntimeFault("Runtime.MalformedHandlerName", "Bad handler");
  let found = await loadModule(path.join(folder, name));
  for (const attribute of attributes) found = found?.[attribute] ?? found?.default?.[attribute];
  if (found === undefined) {
    throw new RuntimeFault("Runtime.HandlerNotFound", `${text} is undefined or not exported`);
  }
  if (typeof found !== "function") throw new RuntimeFault("Runtime.HandlerNotFound", `${text} is not a function`);
  return found;
}

function parseHeader(text) {
  return text ? JSON.parse(text) : undefined;
}

function makeContext(headers, finish) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parseHeader(headers["lambda-runtime-client-context"]),
    identity: parseHeader(headers["lambda-runtime-cognito-identity"]),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
    done: (error, value) => finish(error, value),
    succeed: (value) => finish(null, value),
    fail: (error) => finish(error ?? "handled", undefined),
  };
}

// What `beforeExit` runs: the answer of a callback that waits for the event loop to be empty.
let whenEmpty = undefined;
process.on("beforeExit", () => {
  const waiting = whenEmpty;
  whenEmpty = undefined;
  waiting?.();
});

function runHandler(handler, event, headers) {
  return new Promise((resolve, reject) => {
    let called = false;
    const finish = (error, value) => {
      if (called) return;
      called = true;
      const settle = () => (error !== null && error !== undefined ? reject(error) : resolve(value));
      if (context.callbackWaitsForEmptyEventLoop) whenEmpty = settle;
      else settle();
    };
    const context = makeContext(headers, finish);
    const returned = handler(event, context, finish);
    if (returned !== null && typeof returned?.then === "function") {
      returned.then(resolve, reject);
    } else if (handler.length < 3 && !called && returned !== undefined) {
      resolve(null); // a plain function's return value is not an answer on AWS
    } else if (!called) {
      whenEmpty ??= () => resolve(null); // nothing left to run and no callback: null
    }
  });
}

async function fail(error, route, label) {
  const facts = errorFacts(error);
  logError(label, facts, error);
  await callApi("POST", route, JSON.stringify(facts), { "Lambda-Runtime-Function-Error-Type": facts.errorType });
}

async function serve(handler) {
  for (;;) {
    const { headers, body } = await callApi("GET", "/invocation/next");
    requestId = headers["lambda-runtime-aws-request-id"];
    if (headers["lambda-runtime-trace-id"]) process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
    else delete process.env._X_AMZN_TRACE_ID;
    try {
      const value = await runHandler(handler, JSON.parse(body.toString()), headers);
      await callApi("POST", `/invocation/${requestId}/response`, JSON.stringify(value) ?? "null");
    } catch (error) {
      await fail(error, `/invocation/${requestId}/error`, "Invoke Error ");
    }
  }
}

function dieOf(kind) {
  return async (error) => {
    const shown = kind === "uncaughtException" ? error : new RuntimeFault("Runtime.UnhandledPromiseRejection", String(error));
    const route = requestId === undefined ? "/init/error" : `/invocation/${requestId}/error`;
    await fail(shown, route, kind === "uncaughtException" ? "Uncaught Exception " : "Unhandled Promise Rejection ");
    process.exit(kind === "uncaughtException" ? 129 : 128);
  };
}

patchConsole();
process.on("uncaughtException", dieOf("uncaughtException"));
process.on("unhandledRejection", dieOf("unhandledRejection"));
let handler;
try {
  handler = await findHandler(process.env._HANDLER);
} catch (error) {
  await fail(error, "/init/error", "Uncaught Exception ");
  process.exit(1);
}
await serve(handler);
