"""Where CloudFormation keeps things. No other file builds a CloudFormation key. A stack's id is its ARN's last part.

stack      ("s", stack id)                          -> Stack        deleted ones too, for 90 days
name       ("n", name)                              -> stack id     of the stack that bears it now
listed     ("l", newest first, stack id)            -> b""
operation  ("o", stack id)                          -> Operation    what is being done to the stack
resource   ("r", stack id, logical id)              -> Resource
line       ("rl", stack id, logical id)             -> ResourceLine what lists show of it, and what it needs
physical   ("rp", physical id, stack id, logical id)-> b""          whose it is
held       ("rh", place, stack id, logical id)      -> the stack's name; see kinds/kind.py
event      ("e", stack id, sequence)                -> Event
sequence   ("eq", stack id)                         -> the last event's sequence, as text
undo       ("u", operation id, position)            -> Undo         what an operation has done, in order
aside      ("a", operation id, position)            -> Resource     what a rollback has to delete
removal    ("d", operation id)                      -> Removal      which of the stack's resources go, in order
plan       ("p", stack id, revision)                -> PlanHead
outputs    ("po", stack id, revision)               -> PlanOutputs
planned    ("pr", stack id, revision, part)         -> PlanPart     some of its resources, in the order of making
template   ("t", stack id, revision, stage)         -> the template's text, Original or Processed
change_set ("c", stack id, name)                    -> ChangeSet
intended   ("cs", change set id)                    -> Settings     that the stack will have
change     ("cc", change set id, page)              -> ChangePage
named      ("ci", change set id)                    -> ChangeSetPlace
export     ("x", export name)                       -> Export
imported   ("xi", export name, stack id)            -> the importing stack's name
"""

from cloudlet.store.keys import Subspace


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        root = Subspace("cloudformation", account, region)
        self.stack, self.name, self.listed, self.operation = root["s"], root["n"], root["l"], root["o"]
        self.resource, self.line, self.physical, self.held = root["r"], root["rl"], root["rp"], root["rh"]
        self.event, self.sequence = root["e"], root["eq"]
        self.undo, self.aside, self.removal = root["u"], root["a"], root["d"]
        self.plan, self.outputs, self.planned, self.template = root["p"], root["po"], root["pr"], root["t"]
        self.change_set, self.intended, self.change, self.named = root["c"], root["cs"], root["cc"], root["ci"]
        self.export, self.imported = root["x"], root["xi"]

    def of_stack(self, stack_id: str) -> list[tuple[bytes, bytes]]:
        """The ranges of everything that hangs on one stack, but itself and its resources: what goes with it."""
        spaces = (self.event, self.plan, self.outputs, self.planned, self.template, self.change_set)
        return [space.range(stack_id) for space in spaces]

    def of_plan(self, stack_id: str, revision: int) -> list[tuple[bytes, bytes]]:
        """But its head and outputs, which are one row each."""
        return [space.range(stack_id, revision) for space in (self.planned, self.template)]

    def of_operation(self, operation_id: str) -> list[tuple[bytes, bytes]]:
        return [space.range(operation_id) for space in (self.undo, self.aside)]
