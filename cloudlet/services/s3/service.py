"""Table of contents: every operation of the S3 API under its module, written or not."""

from cloudlet.kit.service import Service
from cloudlet.services.s3.keys import Keys

# May come unsigned: the bucket's policy decides.
_ANYONE_MAY_TRY = frozenset(
    "GetObject HeadObject PutObject DeleteObject DeleteObjects CopyObject GetObjectAttributes GetObjectTagging"
    " PutObjectTagging DeleteObjectTagging GetObjectAcl ListObjects ListObjectsV2 ListObjectVersions HeadBucket"
    " GetBucketLocation GetBucketAcl GetBucketPolicy GetBucketPolicyStatus GetBucketCors GetBucketVersioning"
    " GetBucketTagging CreateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload AbortMultipartUpload"
    " ListParts ListMultipartUploads".split()
)

s3 = Service(
    "s3",
    keys=Keys,
    contents={
        "bucket": "CreateBucket DeleteBucket HeadBucket ListBuckets GetBucketLocation CreateSession"
        " ListDirectoryBuckets",
        "object": "PutObject GetObject HeadObject GetObjectAttributes GetObjectTorrent RenameObject RestoreObject"
        " SelectObjectContent WriteGetObjectResponse UpdateObjectEncryption",
        "copy": "CopyObject",
        "deletion": "DeleteObject DeleteObjects",
        "listing": "ListObjects ListObjectsV2 ListObjectVersions",
        "multipart": "CreateMultipartUpload UploadPart AbortMultipartUpload ListParts ListMultipartUploads",
        "upload_part_copy": "UploadPartCopy",
        "complete_multipart_upload": "CompleteMultipartUpload",
        "tagging": "GetObjectTagging PutObjectTagging DeleteObjectTagging GetBucketTagging PutBucketTagging"
        " DeleteBucketTagging",
        "access": "GetBucketPolicy PutBucketPolicy DeleteBucketPolicy GetBucketPolicyStatus GetPublicAccessBlock"
        " PutPublicAccessBlock DeletePublicAccessBlock GetBucketAcl PutBucketAcl GetObjectAcl PutObjectAcl"
        " GetBucketOwnershipControls PutBucketOwnershipControls DeleteBucketOwnershipControls GetBucketAbac"
        " PutBucketAbac",
        "settings": "GetBucketVersioning PutBucketVersioning GetBucketEncryption PutBucketEncryption"
        " DeleteBucketEncryption GetBucketRequestPayment PutBucketRequestPayment GetBucketAccelerateConfiguration"
        " PutBucketAccelerateConfiguration GetBucketLogging PutBucketLogging GetBucketWebsite PutBucketWebsite"
        " DeleteBucketWebsite GetBucketReplication PutBucketReplication DeleteBucketReplication",
        "cors": "GetBucketCors PutBucketCors DeleteBucketCors",
        "lifecycle": "GetBucketLifecycle PutBucketLifecycle GetBucketLifecycleConfiguration"
        " PutBucketLifecycleConfiguration DeleteBucketLifecycle",
        "notification": "GetBucketNotification PutBucketNotification GetBucketNotificationConfiguration"
        " PutBucketNotificationConfiguration",
        "object_lock": "GetObjectLockConfiguration PutObjectLockConfiguration GetObjectLegalHold PutObjectLegalHold"
        " GetObjectRetention PutObjectRetention",
        "reports": "GetBucketAnalyticsConfiguration PutBucketAnalyticsConfiguration"
        " DeleteBucketAnalyticsConfiguration ListBucketAnalyticsConfigurations GetBucketInventoryConfiguration"
        " PutBucketInventoryConfiguration DeleteBucketInventoryConfiguration ListBucketInventoryConfigurations"
        " GetBucketMetricsConfiguration PutBucketMetricsConfiguration DeleteBucketMetricsConfiguration"
        " ListBucketMetricsConfigurations GetBucketIntelligentTieringConfiguration"
        " PutBucketIntelligentTieringConfiguration DeleteBucketIntelligentTieringConfiguration"
        " ListBucketIntelligentTieringConfigurations",
        "metadata": "CreateBucketMetadataConfiguration CreateBucketMetadataTableConfiguration"
        " DeleteBucketMetadataConfiguration DeleteBucketMetadataTableConfiguration GetBucketMetadataConfiguration"
        " GetBucketMetadataTableConfiguration UpdateBucketMetadataAnnotationTableConfiguration"
        " UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration"
        " PutObjectAnnotation GetObjectAnnotation DeleteObjectAnnotation ListObjectAnnotations",
    },
    anonymous=_ANYONE_MAY_TRY,
)
