"""A function's role: that Lambda may assume it, and calls made as it."""

from dataclasses import dataclass

from cloudlet.base.errors import AwsError
from cloudlet.kit import arn as arns
from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Principal
from cloudlet.kit.ports import Credentials
from cloudlet.services.lambda_ import errors
from cloudlet.services.lambda_.records import Configuration

SESSION_S = 12 * 3600
SESSION_KEPT_MS = 60_000  # runs share a session for so long, unless IAM changes; AWS's live as long as environments
PRINCIPAL = "lambda.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Session:
    """The role assumed by a function."""

    principal: Principal
    credentials: Credentials


def assume(call: Call, role_arn: str, function_name: str) -> Session:
    """A new session of the role, named after the function as on AWS. Raises AwsError if Lambda may not."""
    name = function_name if len(function_name) > 1 else f"{function_name}-"
    request = {"RoleArn": role_arn, "RoleSessionName": name, "DurationSeconds": SESSION_S}
    answer = call.aws("sts", "AssumeRole", request, as_service=PRINCIPAL)
    user, given = answer["AssumedRoleUser"], answer["Credentials"]
    role = call.node.identities.find_role(call.tx, role_arn)
    principal = Principal(
        arn=user["Arn"],
        account=arns.account_of(role_arn),
        type="AssumedRole",
        user_id=user["AssumedRoleId"],
        name=name,
        role_arn=role_arn,
        tags=role.tags if role else {},
    )
    credentials = Credentials(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"]
    )
    return Session(principal, credentials)


def assume_for(call: Call, configuration: Configuration) -> Session:
    """The session of a run. Whether Lambda may still assume the role is found out anew once IAM changed, or a minute
    went by on either clock."""
    moment = call.now_ms // SESSION_KEPT_MS, call.node.clock.wall_ms() // SESSION_KEPT_MS
    key = ("lambda", configuration.role, configuration.name, call.account, call.region, *moment)
    return call.node.identities.kept(call.tx, key, lambda: assume(call, configuration.role, configuration.name))


def check_assumable(call: Call, role_arn: str, function_name: str) -> None:
    if arns.account_of(role_arn) != call.account:
        raise errors.CrossAccountRole()
    try:
        assume(call, role_arn, function_name)
    except AwsError as error:
        raise errors.RoleCannotBeAssumed() from error
