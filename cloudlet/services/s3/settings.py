"""Small settings of buckets: versioning, encryption; and the answers about features that no bucket here has."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.s3 import errors, integrity
from cloudlet.services.s3.lookup import locate, put_bucket
from cloudlet.services.s3.service import s3

_DEFAULT_ENCRYPTION = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
}


@s3.operation("GetBucketVersioning")
def get_bucket_versioning(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    return {"Status": bucket.versioning} if bucket.versioning else {}


@s3.operation("PutBucketVersioning")
def put_bucket_versioning(call: Call, request: dict[str, Any]) -> None:
    bucket = locate(call, request)
    integrity.check_document(call, request)
    configuration = request["VersioningConfiguration"]
    if "MFA" in request or configuration.get("MFADelete") == "Enabled":
        raise errors.not_implemented("MFA delete (MfaDelete)")
    status = configuration.get("Status")
    if status is None:
        raise errors.IllegalVersioningConfiguration()
    put_bucket(call.tx, call.keys, replace(bucket, versioning=status))


@s3.operation("GetBucketEncryption")
def get_bucket_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    return {"ServerSideEncryptionConfiguration": bucket.encryption or _DEFAULT_ENCRYPTION}


@s3.operation("PutBucketEncryption")
def put_bucket_encryption(call: Call, request: dict[str, Any]) -> None:
    bucket = locate(call, request)
    integrity.check_document(call, request)
    rules = request["ServerSideEncryptionConfiguration"]["Rules"]
    if len(rules) != 1:
        raise errors.malformed_xml()
    default = rules[0].get("ApplyServerSideEncryptionByDefault", {"SSEAlgorithm": "AES256"})
    # The bucket that `sam deploy --resolve-s3` makes asks for the key AWS itself holds. It is taken as a wish; objects
    # are kept, and answered, as with AES256.
    if default["SSEAlgorithm"] not in ("AES256", "aws:kms") or "KMSMasterKeyID" in default:
        raise errors.not_implemented(f"server-side encryption with KMS keys (SSEAlgorithm {default['SSEAlgorithm']})")
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": rules[0].get("BucketKeyEnabled", False)}
    if "BlockedEncryptionTypes" in rules[0]:
        rule["BlockedEncryptionTypes"] = rules[0]["BlockedEncryptionTypes"]
    put_bucket(call.tx, call.keys, replace(bucket, encryption={"Rules": [rule]}))


@s3.operation("DeleteBucketEncryption")
def delete_bucket_encryption(call: Call, request: dict[str, Any]) -> None:
    put_bucket(call.tx, call.keys, replace(locate(call, request), encryption=None))


# What follows can't be set here (501), so the answer of a bucket that has none of it is the truth.


@s3.operation("GetBucketRequestPayment")
def get_bucket_request_payment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    locate(call, request)
    return {"Payer": "BucketOwner"}


@s3.operation("GetBucketAccelerateConfiguration")
def get_bucket_accelerate_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    locate(call, request)
    return {}


@s3.operation("GetBucketLogging")
def get_bucket_logging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    locate(call, request)
    return {}


@s3.operation("GetBucketWebsite")
def get_bucket_website(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    raise errors.NoSuchWebsite(members={"BucketName": locate(call, request).name})


@s3.operation("DeleteBucketWebsite")
def delete_bucket_website(call: Call, request: dict[str, Any]) -> None:
    locate(call, request)


@s3.operation("GetBucketReplication")
def get_bucket_replication(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    raise errors.ReplicationNotFound(members={"BucketName": locate(call, request).name})


@s3.operation("DeleteBucketReplication")
def delete_bucket_replication(call: Call, request: dict[str, Any]) -> None:
    locate(call, request)
