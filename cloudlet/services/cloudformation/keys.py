"""Where CloudFormation keeps things. No other file builds a CloudFormation key. A stack's id is its ARN's last part.

stack      ("s", stack id)                        -> Stack          deleted ones too, for 90 days
name       ("n", name)                            -> stack id       of the stack that bears it now
listed     ("l", newest first, stack id)          -> b""
operation  ("o", stack id)                        -> Operation      what is being done to the stack
resource   ("r", stack id, logical id)            -> Resource
event      ("e", stack id, sequence)              -> Event
sequence   ("eq", stack id)                       -> the last event's sequence, as text
undo       ("u", stack id, position)              -> Undo           what the running operation has done, in order
doomed     ("d", stack id, position)              -> Doomed         what it still has to delete, in order
plan       ("p", stack id, revision)              -> PlanHead
planned    ("pr", stack id, revision, position)   -> PlannedResource
template   ("t", stack id, revision, stage)       -> the template's text, Original or Processed
change_set ("c", stack id, name)                  -> ChangeSet
change     ("cc", change set id, position)        -> Change
named      ("ci", change set id)                  -> ChangeSetPlace
export     ("x", export name)                     -> Export
imported   ("xi", export name, stack id)          -> the importing stack's name
"""

from cloudlet.store.keys import Subspace


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        root = Subspace("cloudformation", account, region)
        self.stack, self.name, self.listed, self.operation = root["s"], root["n"], root["l"], root["o"]
        self.resource, self.event, self.sequence = root["r"], root["e"], root["eq"]
        self.undo, self.doomed = root["u"], root["d"]
        self.plan, self.planned, self.template = root["p"], root["pr"], root["t"]
        self.change_set, self.change, self.named = root["c"], root["cc"], root["ci"]
        self.export, self.imported = root["x"], root["xi"]

    def of_stack(self, stack_id: str) -> list[tuple[bytes, bytes]]:
        """The ranges of everything that hangs on one stack, but itself: what goes when it is forgotten."""
        spaces = (self.resource, self.event, self.undo, self.doomed, self.plan, self.planned, self.template)
        return [space.range(stack_id) for space in (*spaces, self.change_set)]
