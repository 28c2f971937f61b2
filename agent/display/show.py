"""One trial in full: claim, changes, scores, curve, provenance, and the diff."""

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from agent.display.claims import contradictions, flops_per_token, recorded
from agent.display.format import Formatter, duration, formatter_for, memory, proposer
from agent.display.scores import about_scores
from agent.judge.comparison import Measurement, afterwards
from agent.judge.noise import difference_of
from agent.records.objective import VAL_BPB, Objective
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Claim, Pair, Result, Score, Trial

CURVE_CELLS = 40
FACTS = 12
LOOKS = 20


def trial_page(
    trial: Trial,
    diff: str,
    log: str | None,
    console: Console,
    incumbent: Trial | None = None,
    again: Sequence[Measurement] = (),
    objective: Objective = VAL_BPB,
) -> RenderableType:
    """Return everything that the ledger records of `trial`.

    diff: of its attempt against its parent. log: the path of its log on this machine. incumbent:
    what its claim is compared with. again: later measurements of it.
    """
    formatter = formatter_for(console, objective)
    refused = trial.status == "refused"
    return Group(
        _title(trial, formatter),
        Text(""),
        _claim(trial.proposal, _recorded(trial, formatter), formatter),
        Text(""),
        *_contradicted(trial, incumbent, formatter),
        *_rationale(trial.proposal, formatter),
        _facts(trial, log, again, formatter),
        Text(""),
        *_printed_by_checks(trial, formatter),
        _edits(trial.proposal, formatter) if refused else diff_view(diff, console),
    )


def attempt_page(attempt: Attempt, diff: str, console: Console) -> RenderableType:
    """Return a page about an attempt that has no verdict yet."""
    formatter = formatter_for(console)
    proposed = f"proposed by  {formatter.line(provenance(attempt.proposal.by))}"
    return Group(
        Text.assemble((f"#{attempt.number} ", "bold"), "no verdict yet"),
        Text(""),
        _claim(attempt.proposal, Text("as the diff says"), formatter),
        Text(""),
        *_rationale(attempt.proposal, formatter),
        Text(f"{proposed}\nattempt      {attempt.commit}"),
        Text(""),
        diff_view(diff, console),
    )


def diff_view(diff: str, console: Console) -> RenderableType:
    """Return a diff, in colours if the terminal has them."""
    formatter = formatter_for(console)
    text = formatter.block(diff).strip("\n")
    if not text:
        return Text("no difference", style="dim")
    if formatter.plain:
        return Text(text)
    return Syntax(text, "diff", theme="ansi_dark", background_color="default", word_wrap=True)


def verdict_view(trial: Trial, console: Console, objective: Objective = VAL_BPB) -> RenderableType:
    """Return a trial in two lines, to be shown above its diff."""
    formatter = formatter_for(console, objective)
    return Group(
        _title(trial, formatter),
        Text(f"  {formatter.line(trial.proposal.hypothesis)}  [{formatter.line(trial.reason)}]"),
    )


def _title(trial: Trial, formatter: Formatter) -> Text:
    text = Text.assemble((f"#{trial.number} ", "bold"), formatter.status(trial.status))
    if trial.value is not None:
        text.append(f"  {formatter.score(trial.value)} {formatter.metric}", style="bold")
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
    for _ in range(2):
        grid.add_column(ratio=1, overflow="fold")
    grid.add_row(
        Text("claimed by the proposer", style="dim"),
        Text("changed, as read from the files", style="dim"),
    )
    grid.add_row(claim, changed)
    return grid


def _contradicted(trial: Trial, incumbent: Trial | None, formatter: Formatter) -> Iterator[Text]:
    """Yield a line for each part of the claim that the measurements contradict."""
    lines = contradictions(trial, incumbent)
    for line in lines:
        yield Text(f"contradicted  {formatter.line(line)}", style="bold red")
    if lines:
        yield Text("")


def _recorded(trial: Trial, formatter: Formatter) -> Text:
    """Return what an attempt changed, a line each."""
    if trial.status == "refused":
        return Text("nothing: it was refused")
    return Text("\n".join(map(formatter.line, recorded(trial))) or "no constant")


def _rationale(proposal: Proposal, formatter: Formatter) -> Iterator[Text]:
    if proposal.rationale.strip():
        yield Text(formatter.block(proposal.rationale.strip()), style="italic")
        yield Text("")


def _edits(proposal: Proposal, formatter: Formatter) -> Text:
    """Return the edits as proposed, for a proposal that never became a file."""
    text = Text()
    for edit in proposal.edits:
        text.append(f"{edit.kind}\n", style="bold")
        for name, value in edit.model_dump(exclude={"kind"}, exclude_none=True).items():
            lines = formatter.block(str(value)).strip("\n").split("\n")
            if len(lines) > 1:
                lines.insert(0, "")
            text.append(f"  {name}: " + "\n    ".join(lines) + "\n")
    return text if proposal.edits else Text("no edits", style="dim")


def _facts(
    trial: Trial, log: str | None, again: Sequence[Measurement], formatter: Formatter
) -> RenderableType:
    lines = [
        (name, formatter.line(text))
        for name, text in _named_facts(trial, log, again, formatter)
        if text
    ]
    if formatter.plain:
        return Text("\n".join(f"{name:<12} {text}" for name, text in lines))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row(*map(Text, line))
    return grid


def _named_facts(
    trial: Trial, log: str | None, again: Sequence[Measurement], formatter: Formatter
) -> Iterator[tuple[str, str]]:
    yield "reason", trial.reason
    yield "scores", about_scores((trial,), formatter)
    yield "lost", "; ".join(map(str, trial.losses))
    if trial.claim:
        yield from _claimed_elsewhere(trial.claim)
    yield from _compared(trial, formatter)
    yield from conditions_met(trial)
    yield from afterwards(again, trial.number)
    if trial.result:
        yield from measured(trial.result, formatter)
    flops = flops_per_token(trial)
    if flops:
        yield "compute", f"{flops:,.0f} FLOPs per token (6 x parameters)"
    yield "proposed by", provenance(trial.proposal.by)
    yield from looked(trial.proposal)
    yield "judged", trial.at
    yield "attempt", trial.attempt
    yield "verdict", trial.verdict
    yield "log", log or "not on this machine"


def looked(proposal: Proposal) -> Iterator[tuple[str, str]]:
    """Yield a line for each thing that the proposer looked at, and its other ideas."""
    for look in proposal.by.looked[:LOOKS]:
        seconds = f" ({duration(look.seconds)})" if look.seconds else ""
        yield "looked at", f"{look}{seconds}"
    if len(proposal.by.looked) > LOOKS:
        yield "looked at", f"and {len(proposal.by.looked) - LOOKS} more"
    for idea in proposal.alternatives:
        yield "or else", idea


def _claimed_elsewhere(claim: Claim) -> Iterator[tuple[str, str]]:
    """Yield the claims about a trial that did not run here."""
    memory_used = f", {claim.memory_gb:g} GB" if claim.memory_gb is not None else ""
    yield "they say", f"{claim}{memory_used}"
    yield "their commit", f"{claim.commit} {claim.at}"


def _compared(trial: Trial, formatter: Formatter) -> Iterator[tuple[str, str]]:
    """Yield the comparison behind the verdict, seed by seed."""
    for pair in trial.pairs:
        difference = f"{_difference(pair, formatter)}  seed {pair.seed}"
        theirs = f"#{trial.against}'s {formatter.score(pair.incumbent)}"
        yield "pair", f"{difference}  {formatter.score(pair.candidate)} against {theirs}"
    if trial.interval:
        low, high = formatter.interval(trial.interval)
        yield "interval", f"from {low} to {high}, at 95 %"
    if trial.charge is not None:
        charge = formatter.gain(-trial.charge).removeprefix("-")
        yield "charge", f"{charge} of what simplifications may cost"


def conditions_met(trial: Trial) -> Iterator[tuple[str, str]]:
    """Yield the results of the guards, the checks and the target."""
    for result in trial.guards:
        yield "guard", f"{result.guard}: {result.finding}, {result.words}"
    for check in trial.result.checks if trial.result else ():
        took = duration(check.seconds)
        outcome = f"passed in {took}" if check.passed else f"failed in {took}: {check.reason}"
        yield "check", f"{check.command}: {outcome}"
    if trial.target:
        yield "target", str(trial.target)


def _printed_by_checks(trial: Trial, formatter: Formatter) -> Iterator[Text]:
    """Yield the end of what a failed check printed."""
    failed = trial.result.failed_check if trial.result else None
    if failed and failed.tail:
        yield Text(f"{formatter.line(failed.command)} printed", style="bold")
        yield Text(formatter.block(failed.tail).strip("\n"), style="dim")
        yield Text("")


def _difference(pair: Pair, formatter: Formatter) -> str:
    """Return the difference of the candidate's score from the incumbent's."""
    sense = formatter.objective.sense
    if not (sense.has(pair.candidate) and sense.has(pair.incumbent)):
        return f"outside of the scale {sense.scale}"
    return formatter.change(difference_of(pair, sense))


AUDITS = {
    "sealed": "with the full audit",
    "evaluated": "by the project's evaluator",
    "self-reported": "without an audit",
}
"""How a score was measured again, by the kind of score."""


def measured(result: Result, formatter: Formatter) -> Iterator[tuple[str, str]]:
    """Yield each measurement as name and text; the text is empty if it is unknown."""
    for score in result.scores:
        yield "score", _score(score, formatter)
        yield "read from", f'"{score.line.strip()}"' if score.line else ""
        yield "also", ", ".join(f"{name} {value:.6g}" for name, value in score.also.items())
    if result.recheck:
        audit = AUDITS[result.scores[0].kind]
        checked = f"an implausible score, measured again under a fresh seed, {audit}"
        yield "rechecked", f"{checked}: {result.recheck}"
    if result.curve:
        picture = formatter.sparkline(result.curve, CURVE_CELLS)
        yield "loss", f"{picture}  {result.curve[0][1]:.4f} to {result.curve[-1][1]:.4f}"
    scoring = duration(result.score_seconds)
    yield "time", f"{duration(result.seconds)} of training, {scoring} of scoring"
    yield "memory", memory(result.peak_memory_mb)
    yield "parameters", f"{result.parameters:,}" if result.parameters is not None else ""
    yield "sandbox", f"tier {result.tier}" if result.tier else ""
    yield "seeds", result.seeds
    facts = ", ".join(f"{name} {value}" for name, value in list(result.facts.items())[:FACTS])
    yield "it says", facts


def _score(score: Score, formatter: Formatter) -> str:
    value = f"{formatter.score(score.value)} {score.unit}".rstrip()
    parts = [value, f"seed {score.seed}", score.role, score.kind]
    if score.clock is not None:
        parts.append(f"{score.clock:,.0f} MHz")
    if score.celsius is not None:
        parts.append(f"{score.celsius:.0f} C")
    if score.cut:
        parts.append("ended at its deadline")
    return "  ".join(parts)


def provenance(by: Provenance) -> str:
    """Return who proposed, from where, the tokens, the price, and how long it took."""
    parts = [proposer(by), by.origin]
    if by.input_tokens or by.output_tokens:
        cached = f" ({by.cached_tokens:,} from the cache)" if by.cached_tokens else ""
        parts.append(f"{by.input_tokens:,} tokens in{cached}, {by.output_tokens:,} out")
    if by.refused:
        parts.append(f"{by.refused} drafts refused before it")
    if by.repairs is not None:
        parts.append(f"to repair #{by.repairs}")
    if by.looked:
        parts.append(f"after {len(by.looked)} look{'' if len(by.looked) == 1 else 's'}")
    if by.asked:
        asked = f"be {by.asked}" if by.asked.kind == "bolder" else str(by.asked)
        parts.append(f"asked to {asked}")
    if by.origin == "llm":
        least = "at least " if by.called_off else ""
        parts.append(f"{least}${by.cost:.4f}" if by.cost is not None else "price unknown")
    if by.seconds >= 1:
        parts.append(duration(by.seconds))
    return ", ".join(parts)
