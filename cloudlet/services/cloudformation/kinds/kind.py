"""Kind: how CloudFormation makes, changes and removes one type of resource, by calling its service's public API.

    async def create(stage, properties):
        answer = await stage.aws("sqs", "CreateQueue", QueueName=stage.name, Attributes=…)
        return Made(answer["QueueUrl"], {"Arn": …})

A handler is `async` in form only: where all operations it calls are plain `def`s it runs to its end within one
transaction; where one of them waits, each is a transaction of its own. So it may be begun twice after a crash.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.services.cloudformation.records import Resource

Properties = dict[str, Any]
CallAws = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Made:
    """A resource as it is now: what Ref gives, and what Fn::GetAtt gives; `secrets` of that are stored sealed. None: as
    they were."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a handler stands. `name` is the resource's name: the template's, or one made up once and kept."""

    call_aws: CallAws
    account: str
    region: str
    stack_name: str
    stack_id: str
    logical_id: str
    name: str
    tags: list[dict[str, str]]  # of the stack: resources bear them too
    tags_before: list[dict[str, str]] = field(default_factory=list)

    async def aws(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Call a service as the stack's owner or role; None values are left out."""
        stated = {name: value for name, value in request.items() if value is not None}
        return await self.call_aws(service, operation, stated)

    async def aws_unless_gone(self, service: str, operation: str, gone: frozenset[str], **request: Any) -> None:
        """The same for a removal: what is gone already is fine."""
        try:
            await self.aws(service, operation, **request)
        except AwsError as error:
            if error.code not in gone:
                raise

    async def finds(self, service: str, operation: str, gone: frozenset[str], **request: Any) -> bool:
        """Whether there is what the request names. One who may not know is refused: nobody's is taken by mistake."""
        try:
            await self.aws(service, operation, **request)
        except AwsError as error:
            if error.code not in gone:
                raise
            return False
        return True

    def tags_with(self, properties: Properties, name: str = "Tags") -> list[dict[str, str]]:
        """The resource's own tags over the stack's."""
        return [{"Key": key, "Value": value} for key, value in self.tag_map(properties, name).items()]

    def tag_map(self, properties: Properties, name: str = "Tags") -> dict[str, str]:
        return _merged(self.tags, properties.get(name, []))

    def tag_map_before(self, properties: Properties) -> dict[str, str]:
        """What an update finds: the resource's own tags over those that the stack had."""
        return _merged(self.tags_before, properties.get("Tags", []))


def _merged(tags: list[dict[str, str]], stated: Any) -> dict[str, str]:
    own = stated.items() if isinstance(stated, Mapping) else ((tag["Key"], tag["Value"]) for tag in stated)
    merged = {tag["Key"]: tag["Value"] for tag in tags}
    return merged | {str(key): str(value) for key, value in own}


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource type. `properties` are those it acts on: any other is refused, never ignored."""

    type: str
    properties: frozenset[str]
    create: Callable[[Stage, Properties], Awaitable[Made]]
    delete: Callable[[Stage, Resource], Awaitable[None]]
    update: Callable[[Stage, Resource, Properties], Awaitable[Made]] | None = None  # None: always a new resource
    required: frozenset[str] = frozenset()
    name_property: str | None = None
    name_max: int = 128
    name_is_lower: bool = False
    name_suffix: Callable[[Properties], str] = lambda properties: ""
    # Whether it is there before it is made: for those whose creation wouldn't say so, or isn't one transaction.
    exists: Callable[[Stage, Properties], Awaitable[bool]] | None = None
    identified_by: tuple[str, ...] = ()  # properties that say which one it is, where none of them is its name
    # Places that one resource of all stacks may have: AWS refuses the second, though the service would overwrite.
    holds: Callable[[Properties], list[str]] = lambda properties: []


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def only(properties: Properties, *names: str) -> dict[str, Any]:
    """Those of the properties that are stated."""
    return {name: properties[name] for name in names if name in properties}


def is_true(value: Any) -> bool:
    """Booleans may come as text."""
    return value is True or str(value).lower() == "true"


def changed(before: Resource, properties: Properties, name: str) -> bool:
    return before.properties.get(name) != properties.get(name)


async def nothing_to_remove(stage: Stage, resource: Resource) -> None:
    """For what goes with something else, or never was more than a record."""
