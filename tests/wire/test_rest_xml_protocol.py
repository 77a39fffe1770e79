"""rest-xml: which S3 operation a request is, keys as they are, headers, XML both ways, errors."""

from xml.etree import ElementTree

import pytest

from cloudlet.base.errors import AccessDenied, AwsError, aws_error
from cloudlet.wire import constraints, rest_xml
from cloudlet.wire.message import FileSlice, HttpRequest
from cloudlet.wire.model import load

MODEL = load("s3")
XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def match(method, path, query="", headers=(), bucket=None):
    name, bound = rest_xml.match(MODEL, HttpRequest(method, path, query, list(headers)), bucket)
    return name, bound["labels"]


def parsed(method, path, query="", headers=(), body=b""):
    request = HttpRequest(method, path, query, list(headers), body)
    name, bound = rest_xml.match(MODEL, request)
    return name, rest_xml.parse(MODEL, MODEL.operations[name], request, bound)


@pytest.mark.parametrize(
    ("method", "path", "query", "operation"),
    [
        ("GET", "/", "", "ListBuckets"),
        ("PUT", "/b", "", "CreateBucket"),
        ("PUT", "/b/", "", "CreateBucket"),
        ("HEAD", "/b", "", "HeadBucket"),
        ("DELETE", "/b", "", "DeleteBucket"),
        ("GET", "/b", "", "ListObjects"),
        ("GET", "/b", "prefix=a&list-type=2", "ListObjectsV2"),
        ("GET", "/b", "list-type=1", "ListObjects"),
        ("GET", "/b", "versions", "ListObjectVersions"),
        ("GET", "/b", "versioning", "GetBucketVersioning"),
        ("GET", "/b", "versioning=", "GetBucketVersioning"),
        ("GET", "/b", "uploads", "ListMultipartUploads"),
        ("GET", "/b", "location", "GetBucketLocation"),
        ("GET", "/b", "notification", "GetBucketNotificationConfiguration"),
        ("PUT", "/b", "lifecycle", "PutBucketLifecycleConfiguration"),
        ("GET", "/b", "inventory", "ListBucketInventoryConfigurations"),
        ("GET", "/b", "inventory&id=x", "GetBucketInventoryConfiguration"),
        ("POST", "/b", "delete", "DeleteObjects"),
        ("PUT", "/b/k", "", "PutObject"),
        ("GET", "/b/k", "", "GetObject"),
        ("GET", "/b/k", "versionId=3", "GetObject"),
        ("HEAD", "/b/k", "", "HeadObject"),
        ("DELETE", "/b/k", "", "DeleteObject"),
        ("GET", "/b/k", "tagging", "GetObjectTagging"),
        ("GET", "/b/k", "acl", "GetObjectAcl"),
        ("GET", "/b/k", "attributes", "GetObjectAttributes"),
        ("POST", "/b/k", "uploads", "CreateMultipartUpload"),
        ("POST", "/b/k", "uploadId=u", "CompleteMultipartUpload"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", "UploadPart"),
        ("GET", "/b/k", "uploadId=u", "ListParts"),
        ("DELETE", "/b/k", "uploadId=u", "AbortMultipartUpload"),
        ("POST", "/b/k", "select&select-type=2", "SelectObjectContent"),
        ("OPTIONS", "/b/k", "", None),
        ("PATCH", "/b", "", None),
        ("POST", "/", "", None),
    ],
)
def test_method_place_and_query_choose_the_operation(method, path, query, operation):
    assert match(method, path, query)[0] == operation


def test_the_copy_source_header_makes_a_copy():
    source = [("x-amz-copy-source", "/from/key")]
    assert match("PUT", "/b/k", "", source)[0] == "CopyObject"
    assert match("PUT", "/b/k", "partNumber=1&uploadId=u", source)[0] == "UploadPartCopy"


@pytest.mark.parametrize(
    ("path", "bucket", "labels"),
    [
        ("/b/a//b/../c/./", None, {"Bucket": "b", "Key": "a//b/../c/./"}),
        ("/b//", None, {"Bucket": "b", "Key": "/"}),
        ("/b/a+b%2Bc%20d%252F", None, {"Bucket": "b", "Key": "a+b+c d%2F"}),
        ("/b/%E6%97%A5%F0%9F%98%80", None, {"Bucket": "b", "Key": "日😀"}),
        ("/b/" + "日".encode().decode("latin-1"), None, {"Bucket": "b", "Key": "日"}),
        ("/b/", None, {"Bucket": "b"}),
        ("/", None, {}),
        ("/", "in-host", {"Bucket": "in-host"}),
        ("/a/b", "in-host", {"Bucket": "in-host", "Key": "a/b"}),
        ("//a", "in-host", {"Bucket": "in-host", "Key": "/a"}),
    ],
)
def test_a_key_is_all_that_follows_decoded_once_and_otherwise_as_it_is(path, bucket, labels):
    assert match("GET", path, bucket=bucket)[1] == labels


def test_a_path_or_query_that_is_not_utf_8_is_an_invalid_uri():
    for path, query in (("/b/%ff", ""), ("/b", "prefix=%ff")):
        with pytest.raises(AwsError) as caught:
            match("GET", path, query)
        assert caught.value.code == "InvalidURI"


def test_put_object_has_its_headers_and_metadata_but_not_its_body():
    headers = [
        ("x-amz-meta-one", "1"),
        ("x-amz-meta-two-words", "a b"),
        ("content-length", "3"),
        ("content-type", "text/plain"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
        ("x-amz-object-lock-retain-until-date", "2026-01-01T00:00:00Z"),
        ("if-none-match", "*"),
    ]
    name, params = parsed("PUT", "/b/k", "", headers, b"abc")
    assert name == "PutObject"
    assert params == {
        "Bucket": "b",
        "Key": "k",
        "Metadata": {"one": "1", "two-words": "a b"},
        "ContentLength": 3,
        "ContentType": "text/plain",
        "BucketKeyEnabled": True,
        "ObjectLockRetainUntilDate": 1_767_225_600_000,
        "IfNoneMatch": "*",
    }


def test_a_presigned_url_may_carry_headers_as_parameters():
    url = "X-Amz-Signature=s&X-Amz-Date=d&x-amz-acl=public-read&x-amz-meta-one=1&x-amz-tagging=a%3Db"
    assert parsed("PUT", "/b/k", url, [("x-amz-acl", "private")])[1] == {
        "Bucket": "b",
        "Key": "k",
        "ACL": "private",
        "Metadata": {"one": "1"},
        "Tagging": "a=b",
    }
    assert match("PUT", "/b/k", "X-Amz-Signature=s&x-amz-copy-source=%2Ffrom%2Fkey")[0] == "CopyObject"
    assert "ACL" not in parsed("PUT", "/b/k", "x-amz-acl=public-read")[1]
    assert parsed("PUT", "/b/k", "AWSAccessKeyId=a&Signature=s&x-amz-acl=public-read")[1]["ACL"] == "public-read"


def test_a_checksum_in_a_presigned_url_is_passed_over():
    url = "X-Amz-Signature=s&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32"
    assert parsed("PUT", "/b/k", url)[1] == {"Bucket": "b", "Key": "k"}
    assert parsed("PUT", "/b/k", url, [("x-amz-checksum-crc32", "x")])[1]["ChecksumCRC32"] == "x"


def test_attributes_in_a_header_are_a_list():
    headers = [("x-amz-object-attributes", "ETag, ObjectSize"), ("x-amz-object-attributes", "Checksum")]
    assert parsed("GET", "/b/k", "attributes", headers)[1]["ObjectAttributes"] == ["ETag", "ObjectSize", "Checksum"]


def test_a_condition_that_is_no_date_is_ignored():
    assert "IfModifiedSince" not in parsed("GET", "/b/k", "", [("if-modified-since", "yesterday")])[1]
    date = [("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT")]
    assert parsed("GET", "/b/k", "", date)[1]["IfModifiedSince"] == 1_767_225_600_000


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("list-type=2&max-keys=many", "Provided max-keys not an integer or within integer range"),
        ("list-type=2&max-keys=99999999999", "Provided max-keys not an integer or within integer range"),
        ("list-type=2&max-keys=", "Provided max-keys not an integer or within integer range"),
    ],
)
def test_a_query_value_of_the_wrong_type_is_an_invalid_argument(query, message):
    with pytest.raises(AwsError) as caught:
        parsed("GET", "/b", query)
    assert (caught.value.code, caught.value.message) == ("InvalidArgument", message)
    assert caught.value.members["ArgumentName"] == "max-keys"


def delete_of(*keys):
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    return f"<Delete {XMLNS}>{objects}<Quiet>true</Quiet></Delete>".encode()


def test_xml_is_read_with_or_without_its_namespace():
    wanted = {"Objects": [{"Key": "a&b"}, {"Key": " c\n"}], "Quiet": True}
    body = delete_of("a&amp;b", " c\n")
    assert parsed("POST", "/b", "delete", body=body)[1]["Delete"] == wanted
    assert parsed("POST", "/b", "delete", body=body.replace(f" {XMLNS}".encode(), b""))[1]["Delete"] == wanted


def test_a_grantees_type_is_an_attribute_of_any_prefix():
    body = (
        '<AccessControlPolicy><AccessControlList><Grant><Grantee xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
        ' i:type="Group"><URI>u</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList>'
        "</AccessControlPolicy>"
    )
    grants = parsed("PUT", "/b", "acl", body=body.encode())[1]["AccessControlPolicy"]["Grants"]
    assert grants == [{"Grantee": {"Type": "Group", "URI": "u"}, "Permission": "READ"}]


@pytest.mark.parametrize(
    "body",
    [
        b"<VersioningConfiguration><Status>On</Status></VersioningConfiguration>",
        b"<VersioningConfiguration><Status><a/></Status></VersioningConfiguration>",
        b"<VersioningConfiguration><Status>Enabled</Status><Status>Enabled</Status></VersioningConfiguration>",
        b"<VersioningConfiguration>",
        b"<Versioning><Status>Enabled</Status></Versioning>",
        b"",
    ],
)
def test_a_body_outside_the_schema_is_malformed_xml(body):
    with pytest.raises(AwsError) as caught:
        name, params = parsed("PUT", "/b", "versioning", body=body)
        constraints.check(MODEL, MODEL.operations[name], params)
    assert caught.value.code == "MalformedXML"


def test_a_missing_header_is_not_said_of_the_body():
    with pytest.raises(AwsError) as caught:
        name, params = parsed("GET", "/b/k", "attributes")
        constraints.check(MODEL, MODEL.operations[name], params)
    assert caught.value.code == "InvalidArgument"


def answer(operation, result, request_id="r-1"):
    return rest_xml.render(MODEL, MODEL.operations[operation], result, request_id)


@pytest.mark.parametrize(
    ("operation", "root"),
    [
        ("ListBuckets", "ListAllMyBucketsResult"),
        ("ListObjectsV2", "ListBucketResult"),
        ("CreateMultipartUpload", "InitiateMultipartUploadResult"),
        ("GetBucketVersioning", "VersioningConfiguration"),
        ("GetObjectTagging", "Tagging"),
        ("DeleteObjects", "DeleteResult"),
    ],
)
def test_an_answers_root_has_s3s_name_and_namespace(operation, root):
    body = answer(operation, {}).body
    assert ElementTree.fromstring(body).tag == f"{{http://s3.amazonaws.com/doc/2006-03-01/}}{root}"


def test_a_listing_has_flat_contents_and_escaped_keys():
    contents = [{"Key": 'a<\x01\r&"', "LastModified": 1_767_225_600_000, "Size": 3}, {"Key": "b"}]
    body = answer(
        "ListObjectsV2", {"Contents": contents, "Name": "b", "Prefix": "", "IsTruncated": False}
    ).body.decode()
    assert (
        "<Contents><Key>a&lt;&#x1;&#xd;&amp;&quot;</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        "<Size>3</Size></Contents><Contents><Key>b</Key></Contents>" in body
    )
    assert "<IsTruncated>false</IsTruncated>" in body and "<Prefix></Prefix>" in body


def test_the_location_of_a_bucket_is_a_single_text():
    assert (
        answer("GetBucketLocation", {"LocationConstraint": "eu-west-1"})
        .body.decode()
        .endswith(f"<LocationConstraint {XMLNS}>eu-west-1</LocationConstraint>")
    )


def test_a_streamed_body_is_passed_on_as_it_is():
    parts = [FileSlice(3, 0, 10, lambda: None)]
    result = {"Body": parts, "ContentType": "text/plain", "ContentLength": 10, "LastModified": 1_767_225_600_999}
    response = answer("GetObject", {**result, "Metadata": {"one": "1", "word": "ü"}})
    headers = dict(response.headers)
    assert response.body is parts
    assert headers["Content-Type"] == "text/plain" and headers["Content-Length"] == "10"
    assert headers["Last-Modified"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert headers["x-amz-meta-one"] == "1" and headers["x-amz-meta-word"] == "=?UTF-8?B?w7w=?="


def test_a_header_value_cannot_break_out_of_its_line():
    response = answer("GetObject", {"Body": b"", "ContentDisposition": "a\r\nSet-Cookie: b\0", "CacheControl": "日"})
    for _, value in response.headers:
        assert not set("\r\n\0") & set(value)
        value.encode("latin-1")


def test_every_answer_has_both_ids():
    headers = dict(answer("DeleteObject", {}).headers)
    assert headers["x-amz-request-id"] == "r-1" and len(headers["x-amz-id-2"]) == 76
    given = rest_xml.render(MODEL, MODEL.operations["DeleteObject"], {}, "r-1", host_id="h")
    assert dict(given.headers)["x-amz-id-2"] == "h"


def error(raised, operation="GetObject"):
    response = rest_xml.render_error(MODEL, MODEL.operations[operation], raised, "r-1", host_id="h-1")
    return response.status, response.body.decode()


def test_an_error_is_one_element_with_its_facts_and_ids():
    assert error(aws_error("NoSuchKey", "The specified key does not exist.", Key="a<b")) == (
        404,
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
        "<Message>The specified key does not exist.</Message><Key>a&lt;b</Key>"
        "<RequestId>r-1</RequestId><HostId>h-1</HostId></Error>",
    )


def test_head_and_not_modified_have_no_error_body():
    assert error(aws_error("NoSuchKey", "m"), "HeadObject") == (404, "")
    assert error(aws_error("NotModified", "m", 304)) == (304, "")


def test_part_of_an_object_is_partial_content():
    assert answer("GetObject", {"Body": b"a", "ContentRange": "bytes 0-0/2"}).status == 206
    assert answer("GetObject", {"Body": b"a"}).status == 200


def test_an_error_may_bring_headers_along():
    class Elsewhere(AwsError):
        """m"""

        code, status = "PermanentRedirect", 301

    response = rest_xml.render_error(MODEL, None, Elsewhere(headers=[("x-amz-bucket-region", "eu-west-1")]), "r-1")
    assert response.status == 301 and ("x-amz-bucket-region", "eu-west-1") in response.headers


def test_a_denial_is_access_denied():
    status, body = error(AccessDenied("User: x is not authorized"))
    assert status == 403 and "<Code>AccessDenied</Code>" in body
