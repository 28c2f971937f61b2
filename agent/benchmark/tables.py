"""A comparison as tables of text, for a terminal and for a page, and as plain data for machines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from agent.benchmark.ranking import Field, Standing, fields, overall
from agent.benchmark.results import LEARNT, Results
from agent.benchmark.statistics import Reached


def task_table(field: Field) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a task's table, as text."""
    points = list(field.standings[0].gain)
    gained, learnt, as_it = (
        [f"gain at {point}" for point in points],
        f"after {LEARNT}",
        f"as {field.yardstick}",
    )
    header = [
        "method",
        *gained,
        "± sd",
        "score",
        "rank",
        "failed",
        learnt,
        as_it,
        "ms a proposal",
        "s a trial",
    ]
    spent = any(standing.tokens for standing in field.standings)
    header += ["tokens", "dollars"] if spent else []
    return [*header, "p"], [_row(standing, points, spent, field) for standing in field.standings]


def _row(standing: Standing, points: Sequence[int], spent: bool, field: Field) -> list[str]:
    gain = [f"{standing.gain[point]:.4f}" for point in points]
    late = f"{standing.late:.0%}" if field.trials > LEARNT else "–"
    costs = (
        [
            f"{standing.tokens:,}",
            "unknown" if standing.dollars is None else f"{standing.dollars:.2f}",
        ]
        if spent
        else []
    )
    return [
        standing.method,
        *gain,
        f"{standing.spread:.4f}",
        f"{standing.score:.4f}",
        f"{standing.rank:.2f}",
        f"{standing.failed:.0%}",
        late,
        _reached_text(standing.reached),
        f"{1000 * standing.asked:.0f}",
        f"{standing.ran:.2f}",
        *costs,
        "best" if standing.beaten is None else p_text(standing.beaten),
    ]


def _reached_text(reached: Reached) -> str:
    after, low, high = (
        "never" if count is None else str(count)
        for count in (reached.after, reached.low, reached.high)
    )
    return after if low == after == high else f"{after} ({low}–{high})"


def p_text(p: float) -> str:
    """A p value as people read it."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain_data(results: Results) -> dict[str, Any]:
    """All that the tables say, for machines."""
    found = fields(results)
    whole = overall(found)
    tasks = [
        {
            "task": field.setup.task,
            "about": field.setup.about,
            "noise": field.setup.noise,
            "machine": field.setup.machine,
            "quality": field.setup.quality.model_dump() if field.setup.quality else None,
            "trials": field.trials,
            "seeds": list(field.seeds),
            "left_out": field.unfinished,
            "yardstick": field.yardstick,
            "methods": [asdict(standing) for standing in field.standings],
            "comparisons": [asdict(one) for one in field.comparisons],
        }
        for field in found
    ]
    ranks = (
        {method: float(curve[:, -1].mean()) for method, curve in whole.ranks.items()}
        if whole
        else {}
    )
    pairs = [asdict(one) for one in whole.comparisons] if whole else []
    return {
        "tasks": tasks,
        "overall": {"blocks": whole.blocks if whole else 0, "ranks": ranks, "comparisons": pairs},
    }
