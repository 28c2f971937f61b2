"""A benchmark as tables of text, for a terminal and for a page, and as plain data for machines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from agent.benchmark.ranking import Overall, Ranking, TaskResults, overall, results_by_task
from agent.benchmark.results import LEARNT, Results
from agent.benchmark.statistics import Comparison, Reached


def task_table(task: TaskResults) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a task's table, as text."""
    points = list(task.rankings[0].gain)
    costs = any(ranking.tokens for ranking in task.rankings)
    header = ["method", *(f"gain at {point}" for point in points), "± sd", "score", "rank"]
    header += ["failed", f"after {LEARNT}", f"as {task.yardstick}", "ms a proposal", "s a trial"]
    if costs:
        header += ["tokens", "dollars"]
    header.append("p")
    late = task.trials > LEARNT
    return header, [_row(ranking, points, costs, late) for ranking in task.rankings]


def _row(ranking: Ranking, points: Sequence[int], costs: bool, late: bool) -> list[str]:
    row = [ranking.method, *(f"{ranking.gain[point]:.4f}" for point in points)]
    row += [f"{ranking.spread:.4f}", f"{ranking.score:.4f}", f"{ranking.rank:.2f}"]
    row += [f"{ranking.failed:.0%}", f"{ranking.late:.0%}" if late else "–"]
    row.append(_reached_text(ranking.reached))
    row += [f"{1000 * ranking.propose_seconds:.0f}", f"{ranking.evaluate_seconds:.2f}"]
    if costs:
        dollars = "unknown" if ranking.dollars is None else f"{ranking.dollars:.2f}"
        row += [f"{ranking.tokens:,}", dollars]
    row.append("best" if ranking.beaten is None else p_text(ranking.beaten))
    return row


def _reached_text(reached: Reached) -> str:
    after = _count_text(reached.after)
    if reached.low == reached.after == reached.high:
        return after
    return f"{after} ({_count_text(reached.low)}–{_count_text(reached.high)})"


def _count_text(count: int | None) -> str:
    return "never" if count is None else str(count)


def p_text(p: float) -> str:
    """Return a p value as people read it."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain_data(results: Results) -> dict[str, Any]:
    """Return all that the tables say, for machines; the keys are stable."""
    tasks = results_by_task(results)
    return {
        "tasks": [_task_data(task) for task in tasks],
        "overall": _overall_data(overall(tasks)),
    }


def _task_data(task: TaskResults) -> dict[str, Any]:
    quality = task.setup.quality
    return {
        "task": task.setup.task,
        "about": task.setup.about,
        "noise": task.setup.noise,
        "machine": task.setup.machine,
        "quality": quality.model_dump() if quality else None,
        "trials": task.trials,
        "seeds": list(task.seeds),
        "left_out": task.unfinished,
        "yardstick": task.yardstick,
        "methods": [_ranking_data(ranking) for ranking in task.rankings],
        "comparisons": [_comparison_data(pair) for pair in task.comparisons],
    }


def _overall_data(whole: Overall | None) -> dict[str, Any]:
    if whole is None:
        return {"blocks": 0, "ranks": {}, "comparisons": []}
    return {
        "blocks": whole.blocks,
        "ranks": {method: float(curve[:, -1].mean()) for method, curve in whole.ranks.items()},
        "comparisons": [_comparison_data(pair) for pair in whole.comparisons],
    }


def _ranking_data(ranking: Ranking) -> dict[str, Any]:
    names = {"propose_seconds": "asked", "evaluate_seconds": "ran"}
    return {names.get(name, name): value for name, value in asdict(ranking).items()}


def _comparison_data(pair: Comparison) -> dict[str, Any]:
    names = {"first": "one", "second": "two"}
    return {names.get(name, name): value for name, value in asdict(pair).items()}
