// Uploads in parts: by hand, and by the SDK's own uploader from a stream without a known length.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { Readable } from "node:stream";
import { load, made, refused } from "./sdk.mjs";

const MIB = 1 << 20;
const s3 = made("@aws-sdk/client-s3", "S3");
const Bucket = process.argv[2];
await s3.createBucket({ Bucket });
const bytes = crypto.randomBytes(12 * MIB);

const { Upload } = load("@aws-sdk/lib-storage");
function* pieces() {
  for (let at = 0; at < bytes.length; at += 300_000) yield bytes.subarray(at, at + 300_000);
}
const upload = new Upload({ client: s3, params: { Bucket, Key: "big", Body: Readable.from(pieces()) }, partSize: 5 * MIB });
const done = await upload.done();
assert.match(done.ETag, /-3"$/);
assert.ok(done.Location.includes(Bucket), done.Location);
const back = await s3.getObject({ Bucket, Key: "big" });
assert.deepEqual(Buffer.from(await back.Body.transformToByteArray()), bytes);
const second = await s3.getObject({ Bucket, Key: "big", PartNumber: 2 });
assert.equal((await second.Body.transformToByteArray()).length, 5 * MIB);
assert.equal(second.PartsCount, 3);

// By hand, with a checksum of each part and of the whole.
const { UploadId } = await s3.createMultipartUpload({ Bucket, Key: "hand", ChecksumAlgorithm: "SHA256" });
const Parts = [];
for (const [index, Body] of [bytes.subarray(0, 5 * MIB), bytes.subarray(5 * MIB, 6 * MIB)].entries()) {
  const answer = await s3.uploadPart({ Bucket, Key: "hand", UploadId, PartNumber: index + 1, Body, ChecksumAlgorithm: "SHA256" });
  assert.equal(answer.ChecksumSHA256, crypto.createHash("sha256").update(Body).digest("base64"));
  Parts.push({ PartNumber: index + 1, ETag: answer.ETag, ChecksumSHA256: answer.ChecksumSHA256 });
}
const listed = await s3.listParts({ Bucket, Key: "hand", UploadId });
assert.deepEqual(listed.Parts.map((each) => each.Size), [5 * MIB, MIB]);
assert.equal((await s3.listMultipartUploads({ Bucket })).Uploads[0].Key, "hand");
await refused(
  s3.completeMultipartUpload({ Bucket, Key: "hand", UploadId, MultipartUpload: { Parts: [...Parts].reverse() } }),
  "InvalidPartOrder", 400,
);
const whole = await s3.completeMultipartUpload({ Bucket, Key: "hand", UploadId, MultipartUpload: { Parts } });
const digests = Buffer.concat(Parts.map((each) => Buffer.from(each.ChecksumSHA256, "base64")));
assert.equal(whole.ChecksumSHA256, `${crypto.createHash("sha256").update(digests).digest("base64")}-2`);

const copying = await s3.createMultipartUpload({ Bucket, Key: "copied" });
const copied = await s3.uploadPartCopy({
  Bucket, Key: "copied", UploadId: copying.UploadId, PartNumber: 1, CopySource: `${Bucket}/big`, CopySourceRange: `bytes=0-${6 * MIB - 1}`,
});
await s3.completeMultipartUpload({
  Bucket, Key: "copied", UploadId: copying.UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag: copied.CopyPartResult.ETag }] },
});
assert.equal((await s3.headObject({ Bucket, Key: "copied" })).ContentLength, 6 * MIB);

const dropped = await s3.createMultipartUpload({ Bucket, Key: "dropped" });
await s3.abortMultipartUpload({ Bucket, Key: "dropped", UploadId: dropped.UploadId });
await refused(s3.listParts({ Bucket, Key: "dropped", UploadId: dropped.UploadId }), "NoSuchUpload", 404);
await s3.deleteObjects({ Bucket, Delete: { Objects: ["big", "hand", "copied"].map((Key) => ({ Key })), Quiet: true } });
await s3.deleteBucket({ Bucket });
