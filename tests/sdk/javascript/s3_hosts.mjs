// The bucket in the host's name, as the SDK writes it unless it is told otherwise or speaks to an address.
import assert from "node:assert/strict";
import { load, made, onThisMachine, refused, watched } from "./sdk.mjs";

const Bucket = process.argv[2];
const { port, protocol } = new URL(process.env.AWS_ENDPOINT_URL);
const { getSignedUrl } = load("@aws-sdk/s3-request-presigner");
const { GetObjectCommand } = load("@aws-sdk/client-s3");

for (const host of ["s3.localhost", "localhost"]) {
  const s3 = made("@aws-sdk/client-s3", "S3", {
    endpoint: `${protocol}//${host}:${port}`,
    requestHandler: onThisMachine(),
  });
  const sent = watched(s3);
  await s3.createBucket({ Bucket });
  assert.equal(sent[0].hostname, `${Bucket}.${host}`);
  await s3.putObject({ Bucket, Key: "a/ b", Body: "here" });
  assert.equal(await (await s3.getObject({ Bucket, Key: "a/ b" })).Body.transformToString(), "here");
  assert.deepEqual((await s3.listObjectsV2({ Bucket })).Contents.map((each) => each.Key), ["a/ b"]);
  await refused(s3.getObject({ Bucket, Key: "none" }), "NoSuchKey", 404);
  const url = new URL(await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "a/ b" })));
  assert.equal(url.hostname, `${Bucket}.${host}`);
  const inPath = made("@aws-sdk/client-s3", "S3", { forcePathStyle: true });
  assert.equal(await (await inPath.getObject({ Bucket, Key: "a/ b" })).Body.transformToString(), "here");
  await s3.deleteObject({ Bucket, Key: "a/ b" });
  await s3.deleteBucket({ Bucket });
}
