"""Amazon Resource Names: text ↔ parts. Knows nothing of what a service puts into the resource part.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from typing import NamedTuple

PARTITION = "aws"


class Arn(NamedTuple):
    """arn:partition:service:region:account:resource; only the resource may itself hold colons."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def resource_type(self) -> str:
        """What stands before the first slash or colon ("role" of role/path/name); empty for a bare name."""
        return _split_resource(self.resource)[0]

    @property
    def resource_id(self) -> str:
        """What stands behind the first slash or colon ("path/name" of role/path/name), or the bare name."""
        return _split_resource(self.resource)[1]

    @property
    def name(self) -> str:
        """The last word of the resource: an IAM entity's friendly name, a queue's name."""
        return self.resource.replace(":", "/").rpartition("/")[2]


def arn(service: str, region: str, account: str, resource: str) -> str:
    """The text of an ARN in this partition; global services pass an empty region, S3 also an empty account."""
    return f"arn:{PARTITION}:{service}:{region}:{account}:{resource}"


def root_arn(account: str) -> str:
    """The account itself, as policies name it."""
    return arn("iam", "", account, "root")


def parse(text: str) -> Arn | None:
    """The parts of an ARN, or None if the text has not the form of one."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[1] or not parts[2] or not parts[5]:
        return None
    return Arn(*parts[1:])


def account_of(text: str) -> str:
    """The account an ARN names; empty if it names none (S3) or is no ARN."""
    parts = text.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[0] == "arn" else ""


def _split_resource(resource: str) -> tuple[str, str]:
    slash, colon = resource.find("/"), resource.find(":")
    at = min(slash, colon) if slash >= 0 and colon >= 0 else max(slash, colon)
    return (resource[:at], resource[at + 1 :]) if at >= 0 else ("", resource)
