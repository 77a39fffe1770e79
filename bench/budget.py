"""µs per stage of each line's requests, on a node that times them (bench/stages.py), with one connection."""

from bench import load
from bench.client import WrongAnswer
from bench.compare import Comparison, measured
from bench.counters import read_counters
from bench.lines.line import Line
from bench.server import Server

REQUESTS = 1_500


async def stage_budget(server: Server, comparison: Comparison) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for line in await comparison.prepared(server):
        try:
            found[line.name] = await _stages_of(line, server, comparison.plan.run_s)
        except (WrongAnswer, ConnectionError) as error:
            comparison.say(f"  {line.name}: {error}")
    return found


async def _stages_of(line: Line, server: Server, run_s: float) -> dict[str, float]:
    if line.is_tried:
        await measured(line, server, 1, "budget-warm", run_s)
    requests = await line.requests("budget", min(REQUESTS, line.requests_max))
    before = read_counters(server)
    outcome = await load.run(server, requests, 1, run_s)
    after = read_counters(server)
    if outcome.failure or not outcome.answers:
        raise WrongAnswer(outcome.failure or "there was nothing to ask for")
    for answer in outcome.answers:
        line.check(answer)
    count = after["requests"] - before["requests"]
    earlier = before["stages"]
    stages = {stage: 1e6 * (took - earlier.get(stage, 0.0)) / count for stage, took in after["stages"].items()}
    return {**stages, "whole": 1e6 * outcome.seconds / len(outcome.answers)}
