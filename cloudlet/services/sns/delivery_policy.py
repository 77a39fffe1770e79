"""Delivery policies: how often, and when, a delivery that failed is tried again.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

import json
from typing import Any

RETRIES_MAX = 100
DELAY_S_MAX = 3600
TOTAL_S_MAX = 3600  # AWS's hard limit for web servers
BACKOFF_FUNCTIONS = ("arithmetic", "exponential", "geometric", "linear")
DEFAULT_RETRY: dict[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
DEFAULT_CONTENT_TYPE = "text/plain; charset=UTF-8"
MAIL_RETRY: dict[str, Any] = {  # 50 attempts over more than six hours
    "minDelayTarget": 10,
    "maxDelayTarget": 600,
    "numRetries": 50,
    "numMaxDelayRetries": 38,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 2,
    "backoffFunction": "exponential",
}
CONTENT_TYPES = frozenset(
    "application/atom+xml application/json application/octet-stream application/soap+xml"
    " application/webpush-options+json application/xhtml+xml application/xml text/css text/csv text/html text/plain"
    " text/xml".split()
)
_COUNTS = ("numRetries", "numMaxDelayRetries", "numNoDelayRetries", "numMinDelayRetries")


class InvalidDeliveryPolicy(Exception):
    """The message names the member."""


def of_topic(policy: dict[str, Any]) -> str:
    """A topic's policy in the form that is stored and shown."""
    given = policy.get("http")
    if not isinstance(given, dict) or policy.keys() != {"http"}:
        raise InvalidDeliveryPolicy("only the member http is allowed, an object")
    http = {name: value for name, value in given.items() if value is not None}
    known = {
        "defaultHealthyRetryPolicy",
        "disableSubscriptionOverrides",
        "defaultThrottlePolicy",
        "defaultRequestPolicy",
    }
    _check_members(http, known, "http")
    if "defaultHealthyRetryPolicy" in http:
        _check_retry(http["defaultHealthyRetryPolicy"], "http.defaultHealthyRetryPolicy")
    _check_throttle(http.get("defaultThrottlePolicy"), "http.defaultThrottlePolicy")
    _check_request(http.get("defaultRequestPolicy"), "http.defaultRequestPolicy")
    if not isinstance(http.setdefault("disableSubscriptionOverrides", False), bool):
        raise InvalidDeliveryPolicy("http.disableSubscriptionOverrides must be true or false")
    return json.dumps({"http": http}, separators=(",", ":"))


def of_subscription(policy: dict[str, Any]) -> str:
    """A subscription's policy in the form that is stored and shown: every member, null where nothing was said."""
    known = {"healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed"}
    _check_members(policy, known, "")
    retry = policy.get("healthyRetryPolicy")
    if retry is not None:
        _check_retry(retry, "healthyRetryPolicy")
        retry = DEFAULT_RETRY | retry
    if policy.get("sicklyRetryPolicy") is not None:
        raise InvalidDeliveryPolicy("sicklyRetryPolicy is not supported")
    _check_throttle(policy.get("throttlePolicy"), "throttlePolicy")
    _check_request(policy.get("requestPolicy"), "requestPolicy")
    stored = {
        "healthyRetryPolicy": retry,
        "sicklyRetryPolicy": None,
        "throttlePolicy": policy.get("throttlePolicy"),
        "requestPolicy": policy.get("requestPolicy"),
        "guaranteed": False,
    }
    return json.dumps(stored, separators=(",", ":"))


def effective_of_topic(stored: str | None) -> dict[str, Any]:
    http = json.loads(stored)["http"] if stored else {}
    effective = {
        "defaultHealthyRetryPolicy": DEFAULT_RETRY | http.get("defaultHealthyRetryPolicy", {}),
        "disableSubscriptionOverrides": http.get("disableSubscriptionOverrides", False),
        "defaultRequestPolicy": {"headerContentType": DEFAULT_CONTENT_TYPE} | http.get("defaultRequestPolicy", {}),
    }
    if "defaultThrottlePolicy" in http:
        effective["defaultThrottlePolicy"] = http["defaultThrottlePolicy"]
    return {"http": effective}


def effective_of_subscription(stored: str | None, of_its_topic: str | None) -> dict[str, Any]:
    topic = effective_of_topic(of_its_topic)["http"]
    own = json.loads(stored) if stored and not topic["disableSubscriptionOverrides"] else {}
    return {
        "healthyRetryPolicy": own.get("healthyRetryPolicy") or topic["defaultHealthyRetryPolicy"],
        "sicklyRetryPolicy": None,
        "throttlePolicy": own.get("throttlePolicy") or topic.get("defaultThrottlePolicy"),
        "requestPolicy": own.get("requestPolicy") or topic["defaultRequestPolicy"],
        "guaranteed": False,
    }


def delay_ms(retry: dict[str, Any], attempts: int) -> int | None:
    """How long to wait after `attempts` that failed; None: that was the last.

    The phases, in order: at once, at the least delay, backing off from the least to the greatest, at the greatest.
    """
    if attempts > retry["numRetries"]:
        return None
    at_once, at_least, at_greatest = (
        retry[name] for name in ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries")
    )
    low, high = 1000 * retry["minDelayTarget"], 1000 * retry["maxDelayTarget"]
    if attempts <= at_once:
        return 0
    if attempts <= at_once + at_least:
        return low
    steps = retry["numRetries"] - at_once - at_least - at_greatest
    step = attempts - at_once - at_least
    if step > steps:
        return high
    return round(low + (high - low) * _share(retry["backoffFunction"], step, steps)) if steps > 1 else low


def _share(function: str, step: int, steps: int) -> float:
    """How far from the least to the greatest delay the backoff is at its `step` of `steps`: 0 to 1."""
    at = (step - 1) / (steps - 1)
    if function == "linear":
        return at
    if function == "arithmetic":
        return at * (step / steps)
    base = 2.0 if function == "exponential" else 1.5
    return (base ** (step - 1) - 1) / (base ** (steps - 1) - 1)


def _check_members(value: dict[str, Any], known: set[str], path: str) -> None:
    for name in value:
        if name not in known:
            raise InvalidDeliveryPolicy(f"Unexpected JSON member: {f'{path}.{name}' if path else name}")


def _check_retry(retry: Any, path: str) -> None:
    if not isinstance(retry, dict):
        raise InvalidDeliveryPolicy(f"{path} must be an object")
    _check_members(retry, set(DEFAULT_RETRY), path)
    for name in ("minDelayTarget", "maxDelayTarget", "numRetries"):
        if name not in retry:
            raise InvalidDeliveryPolicy(f"{path}.{name} must be specified")
    for name, value in retry.items():
        if name != "backoffFunction" and (type(value) is not int or value < 0):
            raise InvalidDeliveryPolicy(f"{path}.{name} must be a whole number")
    if retry.get("backoffFunction", "linear") not in BACKOFF_FUNCTIONS:
        raise InvalidDeliveryPolicy(f"{path}.backoffFunction must be one of {', '.join(BACKOFF_FUNCTIONS)}")
    if retry["numRetries"] > RETRIES_MAX:
        raise InvalidDeliveryPolicy(f"{path}.numRetries must be less than or equal to {RETRIES_MAX}")
    if not 1 <= retry["minDelayTarget"] <= retry["maxDelayTarget"] <= DELAY_S_MAX:
        raise InvalidDeliveryPolicy(
            f"{path}: 1 <= minDelayTarget <= maxDelayTarget <= {DELAY_S_MAX} (seconds) must hold"
        )
    if sum(retry.get(name, 0) for name in _COUNTS[1:]) > retry["numRetries"]:
        raise InvalidDeliveryPolicy(f"{path}.numRetries must be greater than or equal to the sum of its phases")
    whole = DEFAULT_RETRY | retry
    if sum(delay_ms(whole, number) or 0 for number in range(1, retry["numRetries"] + 1)) > 1000 * TOTAL_S_MAX:
        raise InvalidDeliveryPolicy(f"{path}: the delays together must not exceed {TOTAL_S_MAX} seconds")


def _check_throttle(throttle: Any, path: str) -> None:
    if throttle is None:
        return
    most = throttle.get("maxReceivesPerSecond") if isinstance(throttle, dict) else None
    if throttle and (type(most) is not int or most < 1):
        raise InvalidDeliveryPolicy(f"{path}.maxReceivesPerSecond must be a whole number greater than or equal to 1")


def _check_request(request: Any, path: str) -> None:
    if request is None:
        return
    content_type = request.get("headerContentType") if isinstance(request, dict) else None
    if not isinstance(content_type, str) or content_type.partition(";")[0].strip() not in CONTENT_TYPES:
        raise InvalidDeliveryPolicy(f"{path}.headerContentType is not a supported content type")
    if not content_type.isprintable() or not content_type.isascii():
        raise InvalidDeliveryPolicy(f"{path}.headerContentType is not a supported content type")
