"""Tags of resources: their two forms, added and taken away, and what IAM's conditions see of them.

What a service refuses, and how it says so, is its own: limits and errors are parameters.
"""

from collections.abc import Iterable, Mapping, Sequence

Tags = Mapping[str, str]
Listed = Sequence[Mapping[str, str]]  # AWS's other form: [{"Key": …, "Value": …}]


def from_list(listed: Listed | None) -> dict[str, str]:
    """Of tags with the same key the last; a tag without a key is none, see `required` of the model."""
    return {tag["Key"]: tag.get("Value", "") for tag in listed or () if "Key" in tag}


def to_list(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def distinct(listed: Listed | None, repeated: Exception, *, ignore_case: bool = False) -> dict[str, str]:
    """A request's tags; raises `repeated` for two with one key."""
    tags = from_list(listed)
    keys = {key.lower() for key in tags} if ignore_case else tags
    if len(keys) != len(listed or ()):
        raise repeated
    return tags


def are_reserved(tags: Iterable[str]) -> bool:
    """Whether a key is one that only AWS gives."""
    return any(key.lower().startswith("aws:") for key in tags)


def added(old: Tags, new: Tags, at_most: int, too_many: Exception, *, ignore_case: bool = False) -> dict[str, str]:
    """`old` with `new`; raises `too_many` for more than `at_most`. Ignoring case, a key is spelled as it was last."""
    tags = (without(old, new, ignore_case=True) if ignore_case else dict(old)) | dict(new)
    if len(tags) > at_most:
        raise too_many
    return tags


def without(tags: Tags, keys: Iterable[str], *, ignore_case: bool = False) -> dict[str, str]:
    gone = {key.lower() for key in keys} if ignore_case else set(keys)
    return {key: value for key, value in tags.items() if (key.lower() if ignore_case else key) not in gone}


def asked(tags: Tags, keys: Iterable[str] | None = None) -> dict[str, str | tuple[str, ...]]:
    """The condition keys of a request that gives `tags`, or takes those with `keys`."""
    context: dict[str, str | tuple[str, ...]] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    names = (*tags, *(keys or ()))
    return context | {"aws:TagKeys": names} if names else context


def of_resource(tags: Tags) -> dict[str, str | tuple[str, ...]]:
    """The condition keys of a resource that has them."""
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
