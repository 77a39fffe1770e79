"""What a session hands on to the sessions assumed with it: transitive tags and the source identity."""

import json

from cloudlet.kit.call import Call

# Not one of AWS's condition keys: how the caller's token carries the transitive tags to the next AssumeRole.
_HANDED_ON = "cloudlet:TransitiveTags"


def inherited_tags(call: Call) -> dict[str, str]:
    return json.loads(call.session_context.get(_HANDED_ON, "{}"))


def handing_on(tags: dict[str, str]) -> dict[str, str]:
    """The context of a session that hands on these tags."""
    return {_HANDED_ON: json.dumps(tags)} if tags else {}


def source_identity(call: Call) -> str | None:
    return call.session_context.get("aws:SourceIdentity")
