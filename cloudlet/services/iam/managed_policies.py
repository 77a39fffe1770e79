"""AWS's own managed policies, as data."""

import json
from typing import Any

from cloudlet.kit.policy import NamedPolicy

VERSION = "2012-10-17"
NOTHING = json.dumps({"Version": VERSION, "Statement": {"Effect": "Allow", "NotAction": "*", "Resource": "*"}})

_ALL: dict[str, Any] = {"AdministratorAccess": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

NAMED: dict[str, NamedPolicy] = {
    f"arn:aws:iam::aws:policy/{name}": NamedPolicy(
        f"arn:aws:iam::aws:policy/{name}", json.dumps({"Version": VERSION, "Statement": statements})
    )
    for name, statements in _ALL.items()
}
