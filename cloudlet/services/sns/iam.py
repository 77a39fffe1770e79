"""Which action and topic each SNS operation asks IAM about.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cloudlet.kit import arn as arns
from cloudlet.kit import tags
from cloudlet.kit.call import Call
from cloudlet.kit.policy import Access, NamedPolicy
from cloudlet.kit.service import AccessRule
from cloudlet.services.sns import rules
from cloudlet.services.sns.lookup import find_by_arn, find_topic
from cloudlet.services.sns.records import Topic

# Services for which AWS says AWS:SourceOwner, the key of the default policy: their notices need no policy of their own.
_SPEAK_FOR_THEIR_OWNER = frozenset(
    ("cloudwatch.amazonaws.com", "autoscaling.amazonaws.com", "events.rds.amazonaws.com", "rds.amazonaws.com")
)

Context = Mapping[str, str | tuple[str, ...]]


def _access(call: Call, action: str, arn: str, topic: Topic | None, context: Context | None = None) -> Access:
    keys: dict[str, str | tuple[str, ...]] = dict(context or {})
    if topic is not None:
        keys |= tags.of_resource(topic.tags)
    if call.source_account and call.principal.service in _SPEAK_FOR_THEIR_OWNER:
        keys["aws:SourceOwner"] = call.source_account
    policy = topic.attributes.get("Policy") if topic else None
    return Access(
        action=f"SNS:{action}",
        resource=arn,
        resource_account=arns.account_of(arn) or call.account,
        resource_policy=NamedPolicy("topic policy", policy) if policy else None,
        context=keys,
    )


def _on_topic(call: Call, action: str, arn: str, context: Context | None = None) -> Sequence[Access]:
    parsed = arns.parse(arn)
    topic = find_topic(call.tx, parsed) if parsed and parsed.service == "sns" else None
    return (_access(call, action, arn or "*", topic, context),)


def _by_arn(action: str, member: str = "TopicArn") -> AccessRule:
    return lambda call, request: _on_topic(call, action, request.get(member, ""))


def _publish(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return _on_topic(call, "Publish", request.get("TopicArn") or request.get("TargetArn") or "")


def _subscribe(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    context = {"sns:Protocol": request.get("Protocol", ""), "sns:Endpoint": request.get("Endpoint", "")}
    return _on_topic(call, "Subscribe", request.get("TopicArn", ""), context)


def _create_topic(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    arn = call.arn(request.get("Name", ""))
    context = tags.asked(tags.from_list(request.get("Tags")))
    accesses = [*_on_topic(call, "CreateTopic", arn, context)]
    if request.get("Tags"):
        accesses += _on_topic(call, "TagResource", arn, context)
    return accesses


def _tag(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    context = tags.asked(tags.from_list(request.get("Tags")))
    return _on_topic(call, "TagResource", request.get("ResourceArn", ""), context)


def _untag(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    context = tags.asked({}, request.get("TagKeys"))
    return _on_topic(call, "UntagResource", request.get("ResourceArn", ""), context)


def _confirm(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """Who comes unsigned has the token, which decides."""
    if call.principal.type == "Anonymous":
        return ()
    rules.topic_arn(request.get("TopicArn", ""))
    return _on_topic(call, "ConfirmSubscription", request.get("TopicArn", ""))


def _unsubscribe(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """Who comes unsigned followed a link; the subscription says whether that is enough."""
    if call.principal.type == "Anonymous":
        return ()
    rules.subscription_arn(request.get("SubscriptionArn", ""))
    return _on_subscription("Unsubscribe")(call, request)


def _on_subscription(action: str) -> AccessRule:
    """Topic's owner and subscriber may both; either asks the policies of its own account."""

    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        text = request.get("SubscriptionArn", "")
        elements = text.split(":")
        if len(elements) < 7:
            return (_access(call, action, text or "*", None),)
        arn = ":".join(elements[:6])
        found = find_by_arn(call.tx, text)
        if found is not None and found.subscription.owner == call.principal.account:
            return (Access(f"SNS:{action}", arn, call.principal.account),)
        return _on_topic(call, action, arn)

    return rule


def _in_account(action: str) -> AccessRule:
    return lambda call, request: (Access(f"SNS:{action}", call.arn("*"), call.account),)


ACCESS: dict[str, AccessRule] = {
    **{
        operation: _by_arn(operation)
        for operation in (
            "DeleteTopic", "GetTopicAttributes", "SetTopicAttributes", "ListSubscriptionsByTopic", "AddPermission",
            "RemovePermission",
        )
    },
    "GetSubscriptionAttributes": _on_subscription("GetSubscriptionAttributes"),
    "SetSubscriptionAttributes": _on_subscription("SetSubscriptionAttributes"),
    "CreateTopic": _create_topic,
    "ListTopics": _in_account("ListTopics"),
    "ListSubscriptions": _in_account("ListSubscriptions"),
    "ListTagsForResource": _by_arn("ListTagsForResource", "ResourceArn"),
    "TagResource": _tag,
    "UntagResource": _untag,
    "Subscribe": _subscribe,
    "Unsubscribe": _unsubscribe,
    "ConfirmSubscription": _confirm,
    "Publish": _publish,
    "PublishBatch": _by_arn("Publish"),
}  # fmt: skip
