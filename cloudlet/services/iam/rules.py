"""Quotas and checks that the IAM model does not state.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from cloudlet.kit import tags
from cloudlet.kit.policy import MalformedPolicy, check
from cloudlet.kit.policy.document import Kind
from cloudlet.services.iam import errors
from cloudlet.services.iam.records import Carrier, Group, Role, User

ACCESS_KEYS_PER_USER_MAX = 2
GROUPS_PER_USER_MAX = 10
ATTACHED_MAX = 10
VERSIONS_MAX = 5
TAGS_MAX = 50
POLICY_CHARACTERS_MAX = 6144
TRUST_CHARACTERS_MAX = 2048
PER_ACCOUNT_MAX = {
    "user": ("UsersPerAccount", 5000),
    "group": ("GroupsPerAccount", 300),
    "role": ("RolesPerAccount", 1000),
    "policy": ("PoliciesPerAccount", 1500),
    "instance-profile": ("InstanceProfilesPerAccount", 1000),
}
# All inline policies of one user, group or role together.
INLINE_CHARACTERS_MAX: dict[type, int] = {User: 2048, Group: 5120, Role: 10_240}

LIST_DEFAULT = 100
LIST_SCANNED_MAX = 1000  # rows looked at for one page


def characters(document: str) -> int:
    """IAM doesn't count white space."""
    return len("".join(document.split()))


def check_document(document: str, kind: Kind = "identity") -> None:
    """Raise MalformedPolicyDocument unless `document` may be stored as a policy of this kind."""
    try:
        check(document, kind)
    except MalformedPolicy as error:
        # IAM has a sentence of its own for trust policies that are no JSON.
        message = "This policy contains invalid Json" if kind == "trust" and error.reason == "json" else error.message
        raise errors.MalformedPolicyDocument(message) from error


def check_inline_size(entity: Carrier, inline: dict[str, str]) -> None:
    limit = INLINE_CHARACTERS_MAX[type(entity)]
    if sum(map(characters, inline.values())) > limit:
        word = type(entity).__name__.lower()
        raise errors.LimitExceeded(f"Maximum policy size of {limit} bytes exceeded for {word} {entity.name}")


def tags_of(listed: list[dict[str, str]] | None) -> dict[str, str]:
    """The tags of a request. Keys are the same whatever their case; the last word on spelling is the request's."""
    repeated = errors.InvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    found = tags.distinct(listed, repeated, ignore_case=True)
    if tags.are_reserved(found):
        raise errors.InvalidInput("Tag keys beginning with aws: are reserved for system use.")
    return found


def merge_tags(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    too_many = errors.LimitExceeded(f"The number of tags has reached the maximum limit of {TAGS_MAX}.")
    return tags.added(old, new, TAGS_MAX, too_many, ignore_case=True)


def to_the_second(now_ms: int) -> int:
    """IAM's dates have no fractions."""
    return now_ms // 1000 * 1000
