"""Cross-origin requests: the rules of a bucket, and what its answers tell a browser.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

import re
from fnmatch import translate
from functools import lru_cache
from typing import Any

from cloudlet.base.errors import AwsError, aws_error
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.kit.service import CrossOrigin
from cloudlet.services.s3 import errors, integrity
from cloudlet.services.s3.lookup import find_bucket, locate, put_bucket
from cloudlet.services.s3.service import s3
from cloudlet.store.transaction import Tx

RULES_MAX = 100
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
_VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")


@s3.operation("GetBucketCors")
def get_bucket_cors(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = locate(call, request)
    if not bucket.cors:
        raise errors.NoSuchCors(members={"BucketName": bucket.name})
    return {"CORSRules": bucket.cors}


@s3.operation("PutBucketCors")
def put_bucket_cors(call: Call, request: dict[str, Any]) -> None:
    bucket, rules = locate(call, request), request["CORSConfiguration"]["CORSRules"]
    integrity.check_document(call, request)
    if not 1 <= len(rules) <= RULES_MAX:
        raise errors.malformed_xml()
    for rule in rules:
        for method in rule["AllowedMethods"]:
            if method not in METHODS:
                raise errors.invalid_request(
                    f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                )
        for member, name in (("AllowedOrigins", "AllowedOrigin"), ("AllowedHeaders", "AllowedHeader")):
            for value in rule.get(member, ()):
                if value.count("*") > 1:
                    raise errors.invalid_request(f'{name} "{value}" can not have more than one wildcard.')
    put_bucket(call.tx, call.keys, replace(bucket, cors=rules))


@s3.operation("DeleteBucketCors")
def delete_bucket_cors(call: Call, request: dict[str, Any]) -> None:
    put_bucket(call.tx, call.keys, replace(locate(call, request), cors=[]))


@s3.answers_cross_origin
def cross_origin(tx: Tx, keys: Any, bucket_name: str, asked: CrossOrigin) -> list[tuple[str, str]]:
    """The headers of an answer to `asked`. A preflight that may not go on raises; another request just gets none."""
    if not asked.origin:
        if asked.is_preflight:
            raise aws_error("BadRequest", "Insufficient information. Origin request header needed.", 400)
        return []
    bucket = find_bucket(tx, keys, bucket_name)
    rules = bucket.cors if bucket is not None else []
    for rule in rules:
        headers = _allowed(rule, asked)
        if headers is not None:
            return headers
    if not asked.is_preflight:
        return []
    if bucket is None:
        raise _forbidden("Bucket not found", "OPTIONS", "BUCKET")
    if not rules:
        raise _forbidden("CORS is not enabled for this bucket.", asked.method or "OPTIONS", "BUCKET")
    if not asked.method:
        raise aws_error("BadRequest", "Invalid Access-Control-Request-Method: null", 400)
    raise _forbidden(
        "This CORS request is not allowed. This is usually because the evalution of Origin, request method /"
        " Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS"
        " spec.",
        asked.method,
        "OBJECT",
    )


def _forbidden(why: str, method: str, kind: str) -> AwsError:
    return aws_error("AccessForbidden", f"CORSResponse: {why}", 403, Method=method, ResourceType=kind)


def _allowed(rule: dict[str, Any], asked: CrossOrigin) -> list[tuple[str, str]] | None:
    origin = next((pattern for pattern in rule["AllowedOrigins"] if _matches(pattern, asked.origin)), None)
    if origin is None or asked.method not in rule["AllowedMethods"]:
        return None
    wanted = [name.lower() for name in asked.headers]
    patterns = [pattern.lower() for pattern in rule.get("AllowedHeaders", ())]
    if not all(any(_matches(pattern, name) for pattern in patterns) for name in wanted):
        return None
    headers = [
        ("Access-Control-Allow-Origin", "*" if origin == "*" else asked.origin),
        ("Access-Control-Allow-Methods", ", ".join(rule["AllowedMethods"])),
    ]
    if wanted:
        headers.append(("Access-Control-Allow-Headers", ", ".join(wanted)))
    if rule.get("ExposeHeaders"):
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule["ExposeHeaders"])))
    if "MaxAgeSeconds" in rule:
        headers.append(("Access-Control-Max-Age", str(rule["MaxAgeSeconds"])))
    if origin != "*":
        headers.append(("Access-Control-Allow-Credentials", "true"))
    return [*headers, _VARY]


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """Of the wildcards that fnmatch knows, CORS has the star alone."""
    return re.compile(translate(text.replace("[", "[[]").replace("?", "[?]")))


def _matches(pattern: str, text: str) -> bool:
    return pattern == text or ("*" in pattern and _pattern(pattern).match(text) is not None)
