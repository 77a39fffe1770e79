"""Where Lambda keeps things. No other file builds a Lambda key.

function   ("f", name)                       -> Function       the name, its id, and what holds for all its versions
version    ("v", function id, number)        -> Configuration  0 is $LATEST
alias      ("a", function id, name)          -> Alias
pointing   ("ap", function id, number, name) -> b""            the aliases that send calls to a version
policy     ("p", function id, qualifier)     -> Policy         "" is the function itself
invoking   ("i", function id, qualifier)     -> EventInvokeConfig
layer      ("l", name)                       -> Layer          the last number given
layer_version ("lv", name, number)           -> LayerVersion
layer_policy  ("lp", name, number)           -> Policy
totals     ("t",)                            -> Totals         what the account uses

A deleted function's versions and the rest stay below its id until background.py has removed them; a new function of
the same name has another id.
"""

from cloudlet.store.keys import Subspace


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        root = Subspace("lambda", account, region)
        self.function, self.version, self.alias = root["f"], root["v"], root["a"]
        self.pointing, self.policy, self.invoking = root["ap"], root["p"], root["i"]
        self.layer, self.layer_version, self.layer_policy = root["l"], root["lv"], root["lp"]
        self.totals = root.key("t")
