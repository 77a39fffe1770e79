"""What a study is: a name, and a function from the room it works in to its findings."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.compare import Comparison
from bench.contestants import Contestant, Node
from bench.report import Finding
from bench.server import Server


@dataclass(frozen=True, slots=True)
class Room:
    """The servers that were compared, still under way; and where to start others."""

    directory: Path
    contestants: Sequence[Contestant]  # ours first
    servers: Sequence[Server]
    comparison: Comparison
    stack: ExitStack

    @property
    def is_quick(self) -> bool:
        return self.comparison.plan.is_quick

    def launch(self, contestant: Contestant, name: str) -> Server:
        """One in a directory `name` of its own; it ends with the bench at the latest."""
        server = contestant.launch(self.directory / name)
        self.stack.callback(server.stop)
        return server

    def node(self, name: str, **options: object) -> Server:
        return self.launch(Node(**options), name)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Study:
    name: str
    look: Callable[[Room], Awaitable[list[Finding]]]
