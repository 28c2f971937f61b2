"""A benchmark as a page of Markdown that states how it was made, with its figures beside it."""

from collections.abc import Sequence
from pathlib import Path

from agent.benchmark.figures import FIGURES
from agent.benchmark.ranking import CHECKPOINTS, Overall, TaskResults, overall, results_by_task
from agent.benchmark.results import LEARNT, Results
from agent.benchmark.statistics import ALPHA, LEVEL, Comparison, least_p
from agent.benchmark.tables import p_text, table, task_table
from agent.dashboard.figures import save
from agent.errors import UsageFault
from agent.git.repository import writable

FIGURE_TITLES = {
    "convergence": "Convergence",
    "incumbents": "Incumbents over time",
    "ranks": "Ranks",
}
LEAD = """Written by `autoresearch bench`; do not edit. The commands, which resume where they
were stopped and add to one file:"""
READING = f"""Every method starts from the same baseline, the constants as they are.

- **Gain**: how much lower the incumbent's score is than the baseline's, mean over the seeds (sd:
  standard deviation at the end). The incumbent is the configuration that was *measured* best. It
  counts with its true score where that is known, so that a lucky measurement gains nothing.
- **Rank**: among the methods under the same seed.
- **Failed**: the share of all trials, then of the trials after the first {LEARNT}.
- **As** another method: the trial after which the mean gain is what that method has at the end,
  with its {LEVEL:.0%} interval (bootstrap over the seeds, the same seeds for both).
- **p**: Wilcoxon's signed-rank test over the seeds against the best method of the table, after
  Holm's correction for all pairs of the table.
- **ms a proposal**: processor time of the method (with a model: wall-clock time). **s a trial**:
  wall-clock time, whatever else the machine did.

Each seed of a synthetic task is another function, the same for all methods. Most of the spread is
between functions; the ranks and the paired test are free of it."""
UNPUBLISHED = """No published results are shown beside these: none of these tasks is the same as a
published one."""


def write_report(path: Path, results: Results) -> list[Path]:
    """Write the page and its figures (`NAME-convergence.svg` …) beside it; return their paths.

    Raise UsageFault if a file cannot be written.
    """
    tasks = results_by_task(results)
    figures = {name: path.with_name(f"{path.stem}-{name}.svg") for name in FIGURES}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            save(FIGURES[name](tasks), figure)
        names = {name: figure.name for name, figure in figures.items()}
        writable(path).write_text(markdown(tasks, results.commands, names), encoding="utf-8")
    except OSError as error:
        raise UsageFault(
            f"cannot write {path}: {error.strerror}", "autoresearch bench --report bench.md"
        ) from None
    return [path, *figures.values()]


def markdown(tasks: Sequence[TaskResults], commands: Sequence[str], figures: dict[str, str]) -> str:
    """Return the whole page; `figures` are file names by the names of FIGURES."""
    whole = overall(tasks)
    parts = ["# The search methods, compared", LEAD]
    parts += ["```sh\n" + "\n".join(commands) + "\n```", _machines(tasks), READING, UNPUBLISHED]
    if whole:
        parts += _overall(whole)
    for name, title in FIGURE_TITLES.items():
        parts.append(f"## {title}\n\n![{title}]({figures[name]})")
    parts += [_task(task) for task in tasks]
    return "\n\n".join(parts) + "\n"


def _machines(tasks: Sequence[TaskResults]) -> str:
    machines = sorted({task.setup.machine for task in tasks})
    versions: set[str] = set()
    for task in tasks:
        versions |= {f"{name} {number}" for name, number in task.setup.versions.items()}
    return f"Measured on {'; '.join(machines)}; {', '.join(sorted(versions))}."


def _overall(whole: Overall) -> list[str]:
    means = {method: curve.mean(axis=0) for method, curve in whole.ranks.items()}
    methods = sorted(means, key=lambda method: float(means[method][-1]))
    last = len(means[methods[0]]) - 1
    points = [point for point in sorted({*CHECKPOINTS, last}) if point <= last]
    rows = []
    for method in methods:
        cells = [f"{means[method][point]:.2f}" for point in points]
        rows.append([f"`{method}`", *cells])
    ranks = (
        f"Mean rank after so many trials, over {whole.blocks} pairs of a task and a seed "
        f"({', '.join(whole.tasks)}). A task with fewer trials keeps its last ranks."
    )
    pairs = (
        "All pairs of methods at the end of each task: the difference of the gains in units of "
        "the standard deviation of all final gains on their task; wins and losses over the pairs "
        f"of a task and a seed; p after Holm, bold below {ALPHA}. Seeds of one task are not as "
        "independent as tasks are: read it as a statement about these tasks."
    )
    ranks_table = table(["method", *map(str, points)], rows)
    return ["## Over all tasks", ranks, ranks_table, pairs, _pairs(whole.comparisons)]


def _pairs(comparisons: Sequence[Comparison]) -> str:
    rows = [
        [
            f"`{pair.first}` – `{pair.second}`",
            f"{pair.difference:+.2f}",
            f"{pair.wins} : {pair.losses}",
            _corrected(pair),
        ]
        for pair in comparisons
    ]
    return table(["pair", "difference", "wins : losses", "p"], rows)


def _corrected(pair: Comparison) -> str:
    text = p_text(pair.corrected)
    return f"**{text}**" if pair.significant else text


def _task(task: TaskResults) -> str:
    about = task.setup.about
    seeds = len(task.seeds)
    least = least_p(seeds)
    sentences = [
        f"{about[:1].upper()}{about[1:]}. Noise: {task.setup.noise}.",
        f"{seeds} seeds ({_span(task.seeds)}), {task.trials} trials each.",
    ]
    if task.unfinished:
        sentences.append(
            f"{task.unfinished} runs are left out: unfinished, "
            "or of a seed that not every method has."
        )
    if least * len(task.comparisons) > ALPHA:
        sentences.append(
            f"The smallest p that {seeds} seeds can give is {least:.2g} before the correction: "
            "here p can show nothing."
        )
    return f"## {task.setup.task}\n\n{' '.join(sentences)}\n\n{table(*task_table(task))}"


def _span(seeds: Sequence[int]) -> str:
    whole = list(range(seeds[0], seeds[-1] + 1)) == list(seeds)
    return f"{seeds[0]} to {seeds[-1]}" if whole and len(seeds) > 1 else ", ".join(map(str, seeds))
