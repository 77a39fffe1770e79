"""A line of Lambda: a function whose environments are warm."""

from bench.client import decoded
from bench.functions import LOGS, create, invoke
from bench.lines.line import Line, expect
from bench.load import Answer


class Invoke(Line):
    """A Python function that logs its event and returns it."""

    name = "Invoke, warm"
    connections = (1, 16)
    aims = {"ministack": 1}

    async def set_up(self) -> None:
        await create(self.client, self.shared.setting.role_arn, "bench", LOGS)

    async def requests(self, run: str, count: int) -> list[bytes]:
        return [invoke(self.client, "bench", {"run": run, "number": i}) for i in range(count)]

    def check(self, answer: Answer) -> None:
        event = decoded(answer)
        expect(answer.status == 200 and event.get("number") == answer.request, answer)
