"""A comparison as a page of Markdown that states how it was made, with its figures beside it; and as JSON."""

from collections.abc import Sequence
from pathlib import Path

from agent.benchmark.pictures import PICTURES
from agent.benchmark.ranking import CHECKPOINTS, Field, Overall, fields, overall
from agent.benchmark.results import LEARNT, Results
from agent.benchmark.statistics import ALPHA, LEVEL, Comparison, least_p
from agent.benchmark.tables import p_text, table, task_table
from agent.dashboard.figures import save
from agent.errors import UsageFault

FIGURE_TITLES = {
    "convergence": "Convergence",
    "incumbents": "Incumbents over time",
    "ranks": "Ranks",
}
READING = f"""Each method begins with the same baseline, the constants as they stand. **Gain** is how much lower the score of
its incumbent is than the baseline's, mean over the seeds (sd: standard deviation at the end); the incumbent is the
configuration that it *measured* best, and counts with its true score where that is known, so that a lucky measurement gains
nothing. **Rank** is among the methods under the same seed. **Failed** is the share of all trials, then of those after the
first {LEARNT}. **As** another method: the trial after which the mean gain is what that one has at the end, and where
{LEVEL:.0%} of such counts lie when the seeds are drawn anew, with replacement, for both alike. **p** is Wilcoxon's
signed-rank test over the seeds against the best method of the table, after Holm's correction for all pairs of it. Every seed
of a synthetic task is another function, met by all methods alike: most of the spread is between functions, and the ranks and
the paired test are free of it. **ms a proposal** is processor time of the method (with a model: the clock's), **s a trial**
the clock's, whatever else the machine did."""


def write_report(path: Path, results: Results) -> list[Path]:
    """Write the page and its figures (`NAME-convergence.svg` …) beside it; what was written. UsageFault where it cannot be."""
    found = fields(results)
    pictures = {name: path.with_name(f"{path.stem}-{name}.svg") for name in PICTURES}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            save(PICTURES[name](found), picture)
        names = {name: picture.name for name, picture in pictures.items()}
        path.write_text(markdown(found, results.commands, names), encoding="utf-8")
    except OSError as error:
        raise UsageFault(
            f"cannot write {path}: {error.strerror}", "autoresearch bench --report bench.md"
        ) from None
    return [path, *pictures.values()]


def markdown(found: Sequence[Field], commands: Sequence[str], pictures: dict[str, str]) -> str:
    """The whole page."""
    whole = overall(found)
    parts = [
        "# The search methods, compared",
        "Written by `autoresearch bench`; do not edit. The commands, which go on where they were stopped and add to one file:",
        "```sh\n" + "\n".join(commands) + "\n```",
        _machines(found),
        READING,
        "No figure that somebody published stands beside these: none of these tasks is the same as a published one.",
        *(_overall(whole) if whole else ()),
        *(f"## {title}\n\n![{title}]({pictures[name]})" for name, title in FIGURE_TITLES.items()),
        *(_task(field) for field in found),
    ]
    return "\n\n".join(parts) + "\n"


def _machines(found: Sequence[Field]) -> str:
    machines = sorted({field.setup.machine for field in found})
    versions = sorted(
        {f"{name} {number}" for field in found for name, number in field.setup.versions.items()}
    )
    return f"Measured on {'; '.join(machines)}; {', '.join(versions)}."


def _overall(whole: Overall) -> list[str]:
    ordered = sorted(whole.ranks, key=lambda method: float(whole.ranks[method][:, -1].mean()))
    length = whole.ranks[ordered[0]].shape[1] - 1
    points = [point for point in sorted({*CHECKPOINTS, length}) if point <= length]
    rows = [
        [f"`{method}`", *(f"{whole.ranks[method][:, point].mean():.2f}" for point in points)]
        for method in ordered
    ]
    lead = (
        f"Mean rank after so many trials, over {whole.blocks} pairs of a task and a seed ({', '.join(whole.tasks)}); a task that "
        "is shorter keeps its last ranks. Below, all pairs of methods at the end of each task: gains in units of the standard "
        "deviation of all final gains on their task; wins and losses over the pairs of a task and a seed; p after Holm, bold "
        f"below {ALPHA}. Seeds of one task are not as independent as tasks are: read it as a statement on these tasks."
    )
    return [
        "## Over all tasks",
        lead,
        table(["method", *map(str, points)], rows),
        _pairs(whole.comparisons),
    ]


def _pairs(comparisons: Sequence[Comparison]) -> str:
    rows = [
        [
            f"`{one.one}` – `{one.two}`",
            f"{one.difference:+.2f}",
            f"{one.wins} : {one.losses}",
            _corrected(one),
        ]
        for one in comparisons
    ]
    return table(["pair", "difference", "wins : losses", "p"], rows)


def _corrected(one: Comparison) -> str:
    return f"**{p_text(one.corrected)}**" if one.significant else p_text(one.corrected)


def _task(field: Field) -> str:
    setup, seeds, least = field.setup, len(field.seeds), least_p(len(field.seeds))
    said = [
        f"{setup.about[:1].upper()}{setup.about[1:]}. Noise: {setup.noise}.",
        f"{seeds} seeds ({_span(field.seeds)}), {field.trials} trials each.",
    ]
    if field.unfinished:
        said.append(
            f"Left out, as unfinished or of a seed that not every method played: {field.unfinished} games."
        )
    if least * len(field.comparisons) > ALPHA:
        said.append(
            f"The smallest p that {seeds} seeds can give is {least:.2g} before the correction: here p can show nothing."
        )
    return f"## {setup.task}\n\n{' '.join(said)}\n\n{table(*task_table(field))}"


def _span(seeds: Sequence[int]) -> str:
    whole = list(range(seeds[0], seeds[-1] + 1)) == list(seeds)
    return f"{seeds[0]} to {seeds[-1]}" if whole and len(seeds) > 1 else ", ".join(map(str, seeds))
