"""Where IAM keeps things. No other file builds an IAM key. IAM is one per account: the region plays no part.

name      ("n", kind, name in lower case) -> id            kind: user, group, role, policy, instance-profile
entity    ("e", id)                       -> User | Group | Role | Policy | InstanceProfile
version   ("v", policy id, number)        -> PolicyVersion
member    ("m", group id, user id)        -> b""
user_of   ("a", policy ARN, use, id)      -> b""           who uses a managed policy, AWS's own too; use: "permissions"
                                                           or "boundary"
usage     ("t", policy ARN) Tally         attachments, boundaries
key       ("k", user id, access key id)   -> b""
holder    ("h", role id, profile id)      -> b""           the instance profiles that hold a role
counts    ("c") Tally                     users, groups, roles, policies, instance profiles
alias     ("alias")                       -> the account's alias
used      ("used", role id or key id)     -> LastUse

Of all accounts together:
access_key ("k", access key id)           -> AccessKey
alias_of   ("alias", alias)               -> account
stamp      ("stamp")                      -> something new with every write to any of these (store/database.py)
"""

from cloudlet.kit.counter import Tally
from cloudlet.store.keys import Subspace

_EVERYBODY = Subspace("iam", "")


class Keys:
    space = Subspace("iam")
    access_key, alias_of, stamp = _EVERYBODY["k"], _EVERYBODY["alias"], _EVERYBODY.key("stamp")

    def __init__(self, account: str, region: str = "") -> None:
        self.account = account
        root = Subspace("iam", account)
        self.name, self.entity, self.version, self.member = root["n"], root["e"], root["v"], root["m"]
        self.user_of, self._usage = root["a"], root["t"]
        self.key, self.holder, self.used = root["k"], root["h"], root["used"]
        self.counts = Tally(root["c"], 5)
        self.alias = root.key("alias")

    def usage(self, policy_arn: str) -> Tally:
        return Tally(self._usage[policy_arn], 2)
