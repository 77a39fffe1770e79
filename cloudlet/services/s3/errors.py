"""S3's errors: the docstring is the message.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from typing import Any

from cloudlet.base.errors import AwsError, aws_error


def not_implemented(what: str) -> AwsError:
    """501 for a parameter that would change what happens."""
    return aws_error("NotImplemented", f"{what} is not part of this S3 yet.", 501)


def header_not_implemented(header: str, note: str = "") -> AwsError:
    """S3's own 501, for what S3 doesn't have either."""
    members = {"Header": header} | ({"additionalMessage": note} if note else {})
    text = "A header you provided implies functionality that is not implemented"
    return aws_error("NotImplemented", text, 501, **members)


def invalid_argument(message: str, name: str, value: Any = None) -> AwsError:
    members = {"ArgumentName": name} | ({} if value is None else {"ArgumentValue": str(value)})
    return aws_error("InvalidArgument", message, 400, **members)


def invalid_request(message: str) -> AwsError:
    return aws_error("InvalidRequest", message, 400)


def malformed_xml() -> AwsError:
    text = "The XML you provided was not well-formed or did not validate against our published schema"
    return aws_error("MalformedXML", text, 400)


class AccessDenied(AwsError):
    """Access Denied"""

    code, status = "AccessDenied", 403


class NoSuchBucket(AwsError):
    """The specified bucket does not exist"""

    code, status = "NoSuchBucket", 404


class BucketAlreadyExists(AwsError):
    """The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please\
 select a different name and try again."""

    code, status = "BucketAlreadyExists", 409


class BucketAlreadyOwnedByYou(AwsError):
    """Your previous request to create the named bucket succeeded and you already own it."""

    code, status = "BucketAlreadyOwnedByYou", 409


class BucketNotEmpty(AwsError):
    """The bucket you tried to delete is not empty"""

    code, status = "BucketNotEmpty", 409


class TooManyBuckets(AwsError):
    """You have attempted to create more buckets than allowed"""

    code, status = "TooManyBuckets", 400


class InvalidBucketName(AwsError):
    """The specified bucket is not valid."""

    code, status = "InvalidBucketName", 400


class InvalidLocationConstraint(AwsError):
    """The specified location-constraint is not valid"""

    code, status = "InvalidLocationConstraint", 400


class IllegalLocationConstraint(AwsError):
    """The {constraint} location constraint is incompatible for the region specific endpoint this request was sent\
 to."""

    code, status = "IllegalLocationConstraintException", 400


class PermanentRedirect(AwsError):
    """The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future\
 requests to this endpoint."""

    code, status = "PermanentRedirect", 301


class InvalidBucketOwner(AwsError):
    """The value of the expected bucket owner parameter must be an AWS Account ID... [{account}]"""

    code, status = "InvalidBucketOwnerAWSAccountID", 400


class NoSuchKey(AwsError):
    """The specified key does not exist."""

    code, status = "NoSuchKey", 404


class NoSuchVersion(AwsError):
    """The specified version does not exist."""

    code, status = "NoSuchVersion", 404


class MethodNotAllowed(AwsError):
    """The specified method is not allowed against this resource."""

    code, status = "MethodNotAllowed", 405


class KeyTooLong(AwsError):
    """Your key is too long"""

    code, status = "KeyTooLongError", 400


class MetadataTooLarge(AwsError):
    """Your metadata headers exceed the maximum allowed metadata size"""

    code, status = "MetadataTooLarge", 400


class EntityTooLarge(AwsError):
    """Your proposed upload exceeds the maximum allowed size"""

    code, status = "EntityTooLarge", 400


class EntityTooSmall(AwsError):
    """Your proposed upload is smaller than the minimum allowed size"""

    code, status = "EntityTooSmall", 400


class IncompleteBody(AwsError):
    """You did not provide the number of bytes specified by the Content-Length HTTP header"""

    code, status = "IncompleteBody", 400


class MissingContentLength(AwsError):
    """You must provide the Content-Length HTTP header."""

    code, status = "MissingContentLength", 411


class InvalidDigest(AwsError):
    """The Content-MD5 you specified was invalid."""

    code, status = "InvalidDigest", 400


class BadDigest(AwsError):
    """The {name} you specified did not match {whose}."""

    code, status = "BadDigest", 400


class PreconditionFailed(AwsError):
    """At least one of the pre-conditions you specified did not hold"""

    code, status = "PreconditionFailed", 412


class NotModified(AwsError):
    """Not Modified"""

    code, status = "NotModified", 304


class InvalidRange(AwsError):
    """The requested range is not satisfiable"""

    code, status = "InvalidRange", 416


class InvalidPartNumber(AwsError):
    """The requested partnumber is not satisfiable"""

    code, status = "InvalidPartNumber", 416


class OperationAborted(AwsError):
    """A conflicting conditional operation is currently in progress against this resource. Please try again."""

    code, status = "OperationAborted", 409


class NoSuchUpload(AwsError):
    """The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or\
 completed."""

    code, status = "NoSuchUpload", 404


class InvalidPart(AwsError):
    """One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified\
 entity tag may not match the part's entity tag."""

    code, status = "InvalidPart", 400


class InvalidPartOrder(AwsError):
    """The list of parts was not in ascending order. Parts must be ordered by part number."""

    code, status = "InvalidPartOrder", 400


class InvalidTag(AwsError):
    """The TagKey you have provided is invalid"""

    code, status = "InvalidTag", 400


class InvalidStorageClass(AwsError):
    """The storage class you specified is not valid"""

    code, status = "InvalidStorageClass", 400


class AccessControlListNotSupported(AwsError):
    """The bucket does not allow ACLs"""

    code, status = "AccessControlListNotSupported", 400


class MalformedPolicy(AwsError):
    """Policies must be valid JSON and the first byte must be '{{'"""

    code, status = "MalformedPolicy", 400


class NoSuchBucketPolicy(AwsError):
    """The bucket policy does not exist"""

    code, status = "NoSuchBucketPolicy", 404


class NoSuchTagSet(AwsError):
    """The TagSet does not exist"""

    code, status = "NoSuchTagSet", 404


class NoSuchPublicAccessBlock(AwsError):
    """The public access block configuration was not found"""

    code, status = "NoSuchPublicAccessBlockConfiguration", 404


class OwnershipControlsNotFound(AwsError):
    """The bucket ownership controls were not found"""

    code, status = "OwnershipControlsNotFoundError", 404


class NoSuchLifecycle(AwsError):
    """The lifecycle configuration does not exist"""

    code, status = "NoSuchLifecycleConfiguration", 404


class NoSuchCors(AwsError):
    """The CORS configuration does not exist"""

    code, status = "NoSuchCORSConfiguration", 404


class NoSuchWebsite(AwsError):
    """The specified bucket does not have a website configuration"""

    code, status = "NoSuchWebsiteConfiguration", 404


class ReplicationNotFound(AwsError):
    """The replication configuration was not found"""

    code, status = "ReplicationConfigurationNotFoundError", 404


class ObjectLockNotFound(AwsError):
    """Object Lock configuration does not exist for this bucket"""

    code, status = "ObjectLockConfigurationNotFoundError", 404


class IllegalVersioningConfiguration(AwsError):
    """The Versioning element must be specified"""

    code, status = "IllegalVersioningConfigurationException", 400
