"""Metric filters: what of the events a group takes becomes metrics."""

from cloudlet.kit.call import Call
from cloudlet.services.logs.keys import Contents
from cloudlet.services.logs.records import Group


def apply(call: Call, group: Group, contents: Contents, events: list[tuple[int, str]]) -> None:
    """Publish what the group's filters make of `events`."""
    raise NotImplementedError
