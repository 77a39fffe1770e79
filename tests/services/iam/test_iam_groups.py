"""Groups: members, and what they give to members."""

from cloudlet.services.iam import rules
from tests.client import TestNode
from tests.services.iam.failures import failure

LIST_QUEUES = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:ListQueues","Resource":"*"}}'


def test_a_group_is_told_with_its_members(node: TestNode) -> None:
    made = node.aws("iam", "CreateGroup", GroupName="g", Path="/teams/")["Group"]
    assert made["Arn"] == "arn:aws:iam::000000000000:group/teams/g" and made["GroupId"].startswith("AGPA")
    for name in ("ann", "bob"):
        node.aws("iam", "CreateUser", UserName=name)
        node.aws("iam", "AddUserToGroup", GroupName="g", UserName=name)
    answer = node.aws("iam", "GetGroup", GroupName="g")
    assert answer["Group"] == made and answer["IsTruncated"] is False
    assert sorted(user["UserName"] for user in answer["Users"]) == ["ann", "bob"]
    (listed,) = node.aws("iam", "ListGroupsForUser", UserName="bob")["Groups"]
    assert listed == made


def test_a_member_has_what_the_group_has_until_it_leaves(node: TestNode) -> None:
    ann = node.as_user(name="ann")
    node.aws("iam", "CreateGroup", GroupName="g")
    node.aws("iam", "PutGroupPolicy", GroupName="g", PolicyName="p", PolicyDocument=LIST_QUEUES)
    assert failure(ann.aws, "sqs", "ListQueues")[0] == "AccessDenied"
    node.aws("iam", "AddUserToGroup", GroupName="g", UserName="ann")
    ann.aws("sqs", "ListQueues")
    node.aws("iam", "RemoveUserFromGroup", GroupName="g", UserName="ann")
    assert failure(ann.aws, "sqs", "ListQueues")[0] == "AccessDenied"


def test_a_member_has_the_groups_managed_policies(node: TestNode) -> None:
    ann = node.as_user(name="ann")
    node.aws("iam", "CreateGroup", GroupName="g")
    node.aws("iam", "AddUserToGroup", GroupName="g", UserName="ann")
    node.aws("iam", "AttachGroupPolicy", GroupName="g", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess")
    ann.aws("sqs", "ListQueues")
    assert failure(ann.aws, "sqs", "CreateQueue", QueueName="q")[0] == "AccessDenied"


def test_a_renamed_group_keeps_its_members(node: TestNode) -> None:
    ann = node.as_user(name="ann")
    node.aws("iam", "CreateGroup", GroupName="g")
    node.aws("iam", "PutGroupPolicy", GroupName="g", PolicyName="p", PolicyDocument=LIST_QUEUES)
    node.aws("iam", "AddUserToGroup", GroupName="g", UserName="ann")
    node.aws("iam", "UpdateGroup", GroupName="g", NewGroupName="h")
    ann.aws("sqs", "ListQueues")
    assert [group["GroupName"] for group in node.aws("iam", "ListGroupsForUser", UserName="ann")["Groups"]] == ["h"]


def test_joining_and_leaving_twice_is_no_error(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann")
    node.aws("iam", "CreateGroup", GroupName="g")
    for operation in ("AddUserToGroup", "AddUserToGroup", "RemoveUserFromGroup", "RemoveUserFromGroup"):
        node.aws("iam", operation, GroupName="g", UserName="ann")
    assert node.aws("iam", "GetGroup", GroupName="g")["Users"] == []


def test_a_user_is_in_ten_groups_at_most(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann")
    for number in range(rules.GROUPS_PER_USER_MAX + 1):
        node.aws("iam", "CreateGroup", GroupName=f"g{number}")
    for number in range(rules.GROUPS_PER_USER_MAX):
        node.aws("iam", "AddUserToGroup", GroupName=f"g{number}", UserName="ann")
    assert failure(node.aws, "iam", "AddUserToGroup", GroupName="g10", UserName="ann") == (
        "LimitExceeded", 409, "Cannot exceed quota for GroupsPerUser: 10",
    )  # fmt: skip


def test_a_group_is_deleted_last(node: TestNode) -> None:
    node.aws("iam", "CreateUser", UserName="ann")
    node.aws("iam", "CreateGroup", GroupName="g")
    node.aws("iam", "AddUserToGroup", GroupName="g", UserName="ann")
    node.aws("iam", "PutGroupPolicy", GroupName="g", PolicyName="p", PolicyDocument=LIST_QUEUES)
    assert failure(node.aws, "iam", "DeleteGroup", GroupName="g") == (
        "DeleteConflict", 409, "Cannot delete entity, must remove users from group first.",
    )  # fmt: skip
    node.aws("iam", "RemoveUserFromGroup", GroupName="g", UserName="ann")
    assert failure(node.aws, "iam", "DeleteGroup", GroupName="g")[2] == (
        "Cannot delete entity, must delete policies first."
    )
    node.aws("iam", "DeleteGroupPolicy", GroupName="g", PolicyName="p")
    node.aws("iam", "DeleteGroup", GroupName="g")
    assert failure(node.aws, "iam", "GetGroup", GroupName="g") == (
        "NoSuchEntity", 404, "The group with name g cannot be found.",
    )  # fmt: skip
    assert node.aws("iam", "ListGroups")["Groups"] == []
