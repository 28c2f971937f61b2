"""One trial in full: what was claimed beside what changed, scores, curve, where it came from, and the diff."""

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from agent.display.claims import contradictions, flops_per_token
from agent.display.format import Formatter, bpb, duration, formatter_for, memory, proposer
from agent.judge.comparison import Measurement, afterwards
from agent.records.proposals import Proposal, Provenance, Value
from agent.records.results import Attempt, Change, Claim, Result, Trial

CURVE_CELLS = 40
FACTS = 12


def trial_page(
    trial: Trial,
    diff: str,
    log: str | None,
    console: Console,
    incumbent: Trial | None = None,
    again: Sequence[Measurement] = (),
) -> RenderableType:
    """Everything the ledger knows of `trial`; `diff` is its attempt against its parent, `log` its log's path here.

    incumbent: what it was compared with, to hold the claim against. again: what was measured afterwards.
    """
    formatter = formatter_for(console)
    return Group(
        _title(trial, formatter),
        Text(""),
        _claim(trial.proposal, _changes(trial.changes, formatter), formatter),
        Text(""),
        *_denied(trial, incumbent, formatter),
        *_rationale(trial.proposal, formatter),
        _facts(trial, log, again, formatter),
        Text(""),
        _edits(trial.proposal, formatter)
        if trial.status == "refused"
        else diff_view(diff, console),
    )


def attempt_page(attempt: Attempt, diff: str, console: Console) -> RenderableType:
    """What there is to know of an attempt that has no verdict yet."""
    formatter = formatter_for(console)
    facts = Text(
        f"proposed by  {formatter.line(provenance(attempt.proposal.by))}\nattempt      {attempt.commit}"
    )
    return Group(
        Text.assemble((f"#{attempt.number} ", "bold"), "no verdict yet"),
        Text(""),
        _claim(attempt.proposal, Text("as the diff says"), formatter),
        Text(""),
        *_rationale(attempt.proposal, formatter),
        facts,
        Text(""),
        diff_view(diff, console),
    )


def diff_view(diff: str, console: Console) -> RenderableType:
    """A diff, coloured where the terminal has colours."""
    formatter = formatter_for(console)
    text = formatter.block(diff).strip("\n")
    if not text:
        return Text("no difference", style="dim")
    return (
        Text(text)
        if formatter.plain
        else Syntax(text, "diff", theme="ansi_dark", background_color="default", word_wrap=True)
    )


def verdict_view(trial: Trial, console: Console) -> RenderableType:
    """A trial in two lines, to stand above its diff."""
    formatter = formatter_for(console)
    return Group(
        _title(trial, formatter),
        Text(f"  {formatter.line(trial.proposal.hypothesis)}  [{formatter.line(trial.reason)}]"),
    )


def _title(trial: Trial, formatter: Formatter) -> Text:
    text = Text.assemble((f"#{trial.number} ", "bold"), formatter.status(trial.status))
    if trial.value is not None:
        text.append(f"  {bpb(trial.value)} val_bpb", style="bold")
    if trial.delta is not None:
        text.append("  ").append(formatter.delta(trial.delta)).append(" against the incumbent")
    return text


def _claim(proposal: Proposal, changed: Text, formatter: Formatter) -> RenderableType:
    claim = Text(formatter.line(proposal.hypothesis))
    if formatter.plain:
        return Group(
            Text.assemble("claimed  ", claim),
            *(Text.assemble("changed  ", line) for line in changed.split()),
        )
    grid = Table.grid(padding=(0, 3, 0, 0), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(
        Text("claimed by the proposer", style="dim"),
        Text("changed, as read from the file", style="dim"),
    )
    grid.add_row(claim, changed)
    return grid


def _denied(trial: Trial, incumbent: Trial | None, formatter: Formatter) -> Iterator[Text]:
    """Where the record contradicts the claim."""
    found = contradictions(trial, incumbent)
    yield from (Text(f"contradicted  {formatter.line(line)}", style="bold red") for line in found)
    if found:
        yield Text("")


def _changes(changes: tuple[Change, ...], formatter: Formatter) -> Text:
    if not changes:
        return Text("no constant")
    arrow = formatter.line("→")
    said = (
        f"{change.name} {written(change.before)} {arrow} {written(change.after)}"
        for change in changes
    )
    return Text("\n").join(Text(formatter.line(line)) for line in said)


def written(value: Value | None) -> str:
    """A constant's value as Python writes it."""
    return "(none)" if value is None else repr(value)


def _rationale(proposal: Proposal, formatter: Formatter) -> Iterator[Text]:
    if proposal.rationale.strip():
        yield Text(formatter.block(proposal.rationale.strip()), style="italic")
        yield Text("")


def _edits(proposal: Proposal, formatter: Formatter) -> Text:
    """The edits as proposed: all there is to see of a proposal that never became a file."""
    text = Text()
    for edit in proposal.edits:
        text.append(f"{edit.kind}\n", style="bold")
        for name, value in edit.model_dump(exclude={"kind"}, exclude_none=True).items():
            lines = formatter.block(str(value)).strip("\n").split("\n")
            text.append(
                f"  {name}: " + "\n    ".join(lines if len(lines) == 1 else ["", *lines]) + "\n"
            )
    return text if proposal.edits else Text("no edits", style="dim")


def _facts(
    trial: Trial, log: str | None, again: Sequence[Measurement], formatter: Formatter
) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    lines = [("reason", trial.reason), *(_elsewhere(trial.claim) if trial.claim else ())]
    lines += list(_compared(trial))
    lines += afterwards(again, trial.number)
    lines += list(measured(trial.result, formatter)) if trial.result else []
    lines += (
        [("compute", f"{flops:,.0f} FLOPs a token (6 x parameters)")]
        if (flops := flops_per_token(trial))
        else []
    )
    lines += [("proposed by", provenance(trial.proposal.by))]
    lines += [
        ("judged", trial.at),
        ("attempt", trial.attempt),
        ("verdict", trial.verdict),
        ("log", log or "not on this machine"),
    ]
    lines = [(name, formatter.line(said)) for name, said in lines if said]
    if formatter.plain:
        return Text("\n".join(f"{name:<12} {said}" for name, said in lines))
    for line in lines:
        grid.add_row(*map(Text, line))
    return grid


def _elsewhere(claim: Claim) -> Iterator[tuple[str, str]]:
    """What is said of a trial that did not run here."""
    memory_used = f", {claim.memory_gb:g} GB" if claim.memory_gb is not None else ""
    yield "they say", f"{claim}{memory_used}"
    yield "their commit", f"{claim.commit} {claim.at}"


def _compared(trial: Trial) -> Iterator[tuple[str, str]]:
    """What the verdict rests on, seed by seed."""
    for pair in trial.pairs:
        difference = pair.candidate - pair.incumbent
        yield (
            "pair",
            f"{difference:+.6f}  seed {pair.seed}  {bpb(pair.candidate)} against #{trial.against}'s {bpb(pair.incumbent)}",
        )
    if trial.interval:
        yield "interval", f"from {trial.interval[0]:+.6f} to {trial.interval[1]:+.6f}, at 95 %"
    if trial.charge is not None:
        yield "charge", f"{trial.charge:.6f} of what simplifications may cost"


def measured(result: Result, formatter: Formatter) -> Iterator[tuple[str, str]]:
    """What was measured, as names and words; those that are empty are not known."""
    for score in result.scores:
        clock = f"  {score.clock:,.0f} MHz" if score.clock is not None else ""
        heat = f"  {score.celsius:.0f} C" if score.celsius is not None else ""
        cut = "  ended at its deadline" if score.cut else ""
        yield (
            "score",
            f"{bpb(score.value)}  seed {score.seed}  {score.role}  {score.kind}{clock}{heat}{cut}",
        )
    if result.recheck:
        audit = "with the full audit" if result.scores[0].kind == "sealed" else "without an audit"
        yield (
            "rechecked",
            f"an implausible score, measured again under a fresh seed, {audit}: {result.recheck}",
        )
    if result.curve:
        first, last = result.curve[0], result.curve[-1]
        yield (
            "loss",
            f"{formatter.sparkline(result.curve, CURVE_CELLS)}  {first[1]:.4f} to {last[1]:.4f}",
        )
    yield (
        "time",
        f"{duration(result.seconds)} of training, {duration(result.score_seconds)} of scoring",
    )
    yield "memory", memory(result.peak_memory_mb)
    yield "parameters", f"{result.parameters:,}" if result.parameters is not None else ""
    yield "sandbox", f"tier {result.tier}" if result.tier else ""
    facts = ", ".join(f"{name} {value}" for name, value in list(result.facts.items())[:FACTS])
    yield "it says", facts


def provenance(by: Provenance) -> str:
    """Who proposed, from where, with how many tokens, at what price and how long."""
    parts = [proposer(by), by.origin]
    if by.input_tokens or by.output_tokens:
        cached = f" ({by.cached_tokens:,} from the cache)" if by.cached_tokens else ""
        parts.append(f"{by.input_tokens:,} tokens in{cached}, {by.output_tokens:,} out")
    if by.refused:
        parts.append(f"{by.refused} drafts refused before it")
    if by.repairs is not None:
        parts.append(f"to mend #{by.repairs}")
    if by.asked:
        parts.append(
            f"asked to be {by.asked}" if by.asked.kind == "bolder" else f"asked to {by.asked}"
        )
    if by.origin == "llm":
        parts.append(f"${by.cost:.4f}" if by.cost is not None else "price not known")
    return ", ".join([*parts, duration(by.seconds)] if by.seconds >= 1 else parts)
