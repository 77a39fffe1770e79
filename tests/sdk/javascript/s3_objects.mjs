// Objects: bytes, streams, checksums, copies, listings, deletions, versions, presigned URLs.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { Readable } from "node:stream";
import { load, made, refused, SCHEME, watched } from "./sdk.mjs";

const s3 = made("@aws-sdk/client-s3", "S3");
const sent = watched(s3);
const Bucket = process.argv[2];
const bytes = crypto.randomBytes(200_000);

await s3.createBucket({ Bucket });
assert.ok((await s3.listBuckets()).Buckets.some((each) => each.Name === Bucket));
await s3.headBucket({ Bucket });
await refused(s3.createBucket({ Bucket: "A_B" }), "InvalidBucketName", 400);

const put = await s3.putObject({ Bucket, Key: "a b/ä+c", Body: bytes, ContentType: "x/y", Metadata: { who: "me" } });
assert.equal(put.ETag, `"${crypto.createHash("md5").update(bytes).digest("hex")}"`);
assert.ok(put.ChecksumCRC32);
const got = await s3.getObject({ Bucket, Key: "a b/ä+c", ChecksumMode: "ENABLED" });
assert.deepEqual(Buffer.from(await got.Body.transformToByteArray()), bytes);
assert.deepEqual([got.ContentType, got.Metadata, got.ContentLength], ["x/y", { who: "me" }, bytes.length]);
assert.equal(got.ChecksumCRC32, put.ChecksumCRC32);
const part = await s3.getObject({ Bucket, Key: "a b/ä+c", Range: "bytes=10-19" });
assert.deepEqual(Buffer.from(await part.Body.transformToByteArray()), bytes.subarray(10, 20));
assert.equal(part.ContentRange, `bytes 10-19/${bytes.length}`);

// A stream of known length goes out in chunks with its checksum as a trailer.
for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
  const pieces = [bytes.subarray(0, 70_000), bytes.subarray(70_000)];
  sent.length = 0;
  const answer = await s3.putObject({
    Bucket, Key: `stream-${ChecksumAlgorithm}`, Body: Readable.from(pieces), ContentLength: bytes.length, ChecksumAlgorithm,
  });
  const { headers } = sent[0];
  assert.equal(headers["x-amz-content-sha256"], "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
  assert.equal(headers["x-amz-trailer"], `x-amz-checksum-${ChecksumAlgorithm.toLowerCase()}`);
  assert.ok(answer[`Checksum${ChecksumAlgorithm}`]);
  const back = await s3.getObject({ Bucket, Key: `stream-${ChecksumAlgorithm}`, ChecksumMode: "ENABLED" });
  assert.deepEqual(Buffer.from(await back.Body.transformToByteArray()), bytes);
  assert.equal(back[`Checksum${ChecksumAlgorithm}`], answer[`Checksum${ChecksumAlgorithm}`]);
}
await refused(
  s3.putObject({ Bucket, Key: "bad", Body: "abc", ChecksumSHA256: crypto.createHash("sha256").digest("base64") }),
  "BadDigest", 400,
);
await s3.putObject({ Bucket, Key: "empty", Body: "" });
assert.equal(await (await s3.getObject({ Bucket, Key: "empty" })).Body.transformToString(), "");

// Conditions and errors are the SDK's own.
await refused(s3.getObject({ Bucket, Key: "none" }), "NoSuchKey", 404);
await refused(s3.headObject({ Bucket, Key: "none" }), "NotFound", 404);
await refused(s3.listObjectsV2({ Bucket: `${Bucket}-none` }), "NoSuchBucket", 404);
await refused(s3.putObject({ Bucket, Key: "empty", Body: "x", IfNoneMatch: "*" }), "PreconditionFailed", 412);
const cached = await s3.getObject({ Bucket, Key: "empty", IfNoneMatch: (await s3.headObject({ Bucket, Key: "empty" })).ETag })
  .catch((error) => error);
assert.equal(cached.$metadata.httpStatusCode, 304);

await s3.copyObject({ Bucket, Key: "copy", CopySource: encodeURI(`${Bucket}/a b/ä+c`), TaggingDirective: "REPLACE", Tagging: "k=v" });
assert.deepEqual((await s3.getObjectTagging({ Bucket, Key: "copy" })).TagSet, [{ Key: "k", Value: "v" }]);
assert.equal((await s3.headObject({ Bucket, Key: "copy" })).Metadata.who, "me");

// Pages.
const { paginateListObjectsV2 } = load("@aws-sdk/client-s3");
const keys = [];
for await (const page of paginateListObjectsV2({ client: s3, pageSize: 3 }, { Bucket })) {
  assert.ok(page.KeyCount <= 3);
  keys.push(...page.Contents.map((each) => each.Key));
}
assert.deepEqual(keys, ["a b/ä+c", "copy", "empty", ...["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"].map((a) => `stream-${a}`)]);
const folders = await s3.listObjectsV2({ Bucket, Delimiter: "/" });
assert.deepEqual(folders.CommonPrefixes, [{ Prefix: "a b/" }]);

// A URL that needs no key.
const { getSignedUrl } = load("@aws-sdk/s3-request-presigner");
const { PutObjectCommand, GetObjectCommand } = load("@aws-sdk/client-s3");
const up = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "by url" }), { expiresIn: 60 });
assert.ok(up.startsWith(SCHEME));
const uploaded = await fetch(up, { method: "PUT", body: "from anyone" });
assert.equal(uploaded.status, 200, await uploaded.text());
const down = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "by url", ResponseContentType: "text/x" }), { expiresIn: 60 });
const fetched = await fetch(down);
assert.deepEqual([await fetched.text(), fetched.headers.get("content-type")], ["from anyone", "text/x"]);
assert.equal((await fetch(down.replace("by%20url", "empty"))).status, 403);

// Versions and deletions.
await s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: "Enabled" } });
const first = await s3.putObject({ Bucket, Key: "v", Body: "1" });
await s3.putObject({ Bucket, Key: "v", Body: "2" });
assert.equal(await (await s3.getObject({ Bucket, Key: "v", VersionId: first.VersionId })).Body.transformToString(), "1");
assert.equal((await s3.deleteObject({ Bucket, Key: "v" })).DeleteMarker, true);
const versions = await s3.listObjectVersions({ Bucket });
const every = [...versions.Versions, ...versions.DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
await refused(s3.deleteBucket({ Bucket }), "BucketNotEmpty", 409);
assert.equal((await s3.deleteObjects({ Bucket, Delete: { Objects: every } })).Deleted.length, every.length);
await s3.deleteBucket({ Bucket });
