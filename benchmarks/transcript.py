"""Writes a small night as a page, from the first question to the log.

    python -m benchmarks.transcript docs/transcript.md

The questions, the edits, the refusals, the sandbox, the trainings on the bundled workspace, the
scores, the verdicts and the commits are real. The model is not: its replies are below, written by
hand, and are given in their order whatever is asked. So the page shows what a model is asked and
what happens to its replies; it is no evidence of what a model would find.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.ground.budget import Budget

AUTORESEARCH = Path(sys.executable).parent / "autoresearch"
TAG = "small"
CURVE = re.compile(r"#\d+ \w+ \d+%:")
# In steps, so that a busy machine changes no score.
BUDGET = "60steps"
TRIALS = 6
PATIENCE = 2
# A model of one thin layer: the page shows the loop, and a busy machine should make it in minutes.
SMALL = {
    "DEPTH = 2 ": "DEPTH = 1 ",
    "ASPECT_RATIO = 64 ": "ASPECT_RATIO = 32 ",
    "DEVICE_BATCH_SIZE = 4 ": "DEVICE_BATCH_SIZE = 2 ",
}
NORM = (
    "def norm(x: Tensor) -> Tensor:\n"
    '    """RMSNorm by hand."""\n'
    "    return x / (x.square().mean(-1{keep}) + 1e-6).sqrt()\n"
)


def constant(name: str, value: str) -> dict[str, str]:
    """Return an edit that sets a constant."""
    return {"kind": "set_constant", "name": name, "value": value}


def norm(keep: str) -> dict[str, str]:
    """Return an edit that writes the norm out."""
    return {"kind": "replace_definition", "name": "norm", "code": NORM.format(keep=keep)}


def reply(hypothesis: str, expected: float, *edits: dict[str, str]) -> dict[str, Any]:
    """Return a call of the tool `propose`."""
    return {"hypothesis": hypothesis, "expected": expected, "edits": list(edits)}


REPLIES = (
    reply(
        "twice the tokens a step: a better gradient, as the steps are fixed",
        -0.05,
        constant("TOTAL_BATCH_SIZE", "2**11"),
    ),
    reply(
        "a higher rate for the matrices, as the batch is larger now",
        -0.01,
        constant("LEARNING_RATE", "0.06"),
    ),
    reply(
        "a higher rate for the matrices, as the batch is larger now",
        -0.01,
        constant("MATRIX_LR", "0.06"),
    ),
    reply("a norm written out is one kernel less to launch", 0.0, norm("")),
    reply(
        "a looser cap lets the logits of common bytes grow", -0.004, constant("LOGIT_CAP", "30.0")
    ),
    reply("the same norm, with the axis kept", 0.0, norm(", keepdim=True")),
    reply(
        "the higher rate and the looser cap together",
        -0.01,
        constant("MATRIX_LR", "0.06"),
        constant("LOGIT_CAP", "30.0"),
    ),
    reply("less decay in so short a run", -0.001, constant("WEIGHT_DECAY", "0.0")),
)


def night(home: Path, budget: str, trials: int) -> None:
    """Make the whole run in the folder `home`."""
    _type(home.parent, "init", home.name)
    brief = home / "program.md"
    brief.write_text(f"---\npatience: {PATIENCE}\n---\n\n{brief.read_text()}")
    train = home / "workspace" / "train.py"
    source = train.read_text()
    for usual, small in SMALL.items():
        assert usual in source, f"train.py has no {usual!r}"
        source = source.replace(usual, small)
    train.write_text(source)
    identity = ["-c", "user.name=r", "-c", "user.email=r@localhost"]
    subprocess.run(["git", "add", "."], cwd=home, check=True)
    commit = ["git", *identity, "commit", "-qm", "small, and impatient"]
    subprocess.run(commit, cwd=home, check=True)
    (home / "replies.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in REPLIES))
    model = ["--method", "code", "--model", "scripted:replies.jsonl"]
    bounds = ["--baseline-repeats", "2", "--budget", budget, "--trials", str(trials)]
    _type(home, "start", *model, *bounds, "--tag", TAG)


def page(home: Path) -> str:
    """Return the transcript as Markdown: exchange by exchange, then the log."""
    trials = json.loads(_type(home, "log", "--json"))
    transcripts = home / ".autoresearch" / "runs" / TAG / "transcripts"
    lines = (transcripts / "transcript.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    asked = [record["request"] for record in records if "request" in record]
    answered = [record["reply"] for record in records if "reply" in record]
    parts = [
        *_beginning(asked[0]),
        *_exchanges(asked, answered, trials),
        *_ending(home, asked[-1], trials),
    ]
    return "\n\n".join(parts) + "\n"


def _beginning(first: dict[str, Any]) -> Iterator[str]:
    yield "# A small night, from the first question to the log"
    yield (
        "Made by `python -m benchmarks.transcript docs/transcript.md`. **The model's replies are "
        "scripted**: they were written\n"
        "by hand, and are given in their order whatever is asked. Everything else is real: the "
        "questions, the refusals, the\n"
        "sandbox, the trainings of the bundled workspace on a CPU, the scores, the verdicts and "
        "the commits. It shows what a\n"
        "model is told and what becomes of what it says, not what a model finds. The model that is "
        "trained is one thin layer,\n"
        f"for {Budget.parse(BUDGET).amount} steps, so that the page is made in minutes; "
        f"`program.md` says `patience: {PATIENCE}`."
    )
    yield (
        "Each question begins with the rules and `program.md`, which a provider caches for the "
        "whole run:"
    )
    yield _fenced(_cut(first["system"], 9))
    yield "then `train.py` with its searchable constants, cached until something is kept:"
    source = first["blocks"][0]
    yield _fenced("\n".join([source.splitlines()[0], "…", *_knobs(source)[:4], "…"]))
    yield (
        "and last the ledger as it is then. It is asked while the trial before it trains: it sees "
        "all verdicts but that one."
    )


def _knobs(block: str) -> list[str]:
    tail = block.partition("Its searchable constants")[2].splitlines()
    return ["Its searchable constants" + tail[0], *tail[2:]] if tail else []


def _exchanges(
    asked: list[dict[str, Any]], answered: list[dict[str, Any]], trials: list[dict[str, Any]]
) -> Iterator[str]:
    for number, (request, answer) in enumerate(zip(asked, answered, strict=False), 1):
        yield f"## Question {number}"
        yield _fenced(_news(request["blocks"]))
        yield "The reply:"
        yield _fenced(_compact(answer["arguments"]), "json")
        trial = _trial_of(answer["arguments"], trials)
        if trial:
            yield _became(trial)
        else:
            yield "It was refused before it cost a trial, and went back with the reason."


def _trial_of(arguments: dict[str, Any], trials: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the trial that a reply became, if it did."""
    for trial in trials:
        same = trial["proposal"]["hypothesis"] == arguments["hypothesis"]
        if same and _edits(trial) == arguments["edits"]:
            return trial
    return None


def _compact(arguments: dict[str, Any]) -> str:
    """Return JSON with a line for the claim and one for each edit."""
    claim = json.dumps({name: value for name, value in arguments.items() if name != "edits"})[:-1]
    edits = ",\n  ".join(json.dumps(edit) for edit in arguments["edits"])
    return f'{claim}, "edits": [\n  {edits}\n]}}'


def _edits(trial: dict[str, Any]) -> list[dict[str, Any]]:
    return [_without_none(edit) for edit in trial["proposal"]["edits"]]


def _without_none(edit: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in edit.items() if value is not None}


def _news(blocks: list[str]) -> str:
    """Return what is new in a question: a draft or failure to mend, or the ledger's last lines."""
    ledger, asks, request = blocks[-1].partition("Propose the next experiment.")
    if not asks:
        return _cut(blocks[-1], 12)
    if request.strip():
        return "… the ledger, and behind it:\n" + _cut(request.strip(), 14)
    lines = [line for line in ledger.splitlines() if line.startswith("#") and not CURVE.match(line)]
    if not lines:
        return "… the ledger: (nothing has been tried yet)"
    return "\n".join(["… the ledger:", *lines[-3:]])


def _became(trial: dict[str, Any]) -> str:
    delta = f" ({trial['delta']:+.6f})" if trial["delta"] is not None else ""
    runs = len((trial["result"] or {}).get("scores", []))
    scored = f"{runs} scored run{'s' * (runs != 1)}"
    asked = trial["proposal"]["by"]["asked"]
    kind = f", which was asked for as `{asked['kind']}`" if asked else ""
    verdict = f"**{trial['status']}**{delta} after {scored}"
    return f"It became **#{trial['number']}**{kind}: {verdict}. {trial['reason']}"


def _ending(home: Path, last: dict[str, Any], trials: list[dict[str, Any]]) -> Iterator[str]:
    yield "## In the morning"
    yield f"The last question was about {_tokens(last):,} tokens long. `autoresearch log`:"
    yield _fenced(_type(home, "log"))
    kept = [trial["number"] for trial in trials if trial["status"] in ("keep", "simplify")]
    if kept:
        yield f"`autoresearch show {kept[-1]}`:"
        lines = _type(home, "show", str(kept[-1])).splitlines()
        # The log's folder is gone by then.
        yield _fenced("\n".join(line for line in lines if not line.startswith("log ")))
    yield f"`git log --first-parent --format=%s autoresearch/{TAG}`:"
    git = ["git", "log", "--first-parent", "--format=%s", f"autoresearch/{TAG}"]
    yield _fenced(subprocess.run(git, cwd=home, check=True, capture_output=True, text=True).stdout)


def _tokens(request: dict[str, Any]) -> int:
    return sum(map(len, (request["system"], *request["blocks"]))) // 4


def _cut(text: str, lines: int) -> str:
    kept = text.splitlines()
    return "\n".join(kept[:lines] + (["…"] if len(kept) > lines else []))


def _fenced(text: str, language: str = "text") -> str:
    return f"````{language}\n{text.strip()}\n````"


def _type(folder: Path, *arguments: str) -> str:
    """Run an `autoresearch` command and return its output, as a file would get it."""
    run = subprocess.run(
        [str(AUTORESEARCH), *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if run.returncode:
        sys.exit(f"autoresearch {' '.join(arguments)} ended with {run.returncode}:\n{run.stderr}")
    return run.stdout


def main() -> None:
    """Make the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", type=Path)
    parser.add_argument("--budget", default=BUDGET)
    parser.add_argument("--trials", type=int, default=TRIALS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="transcript-") as room:
        home = Path(room) / "research"
        night(home, asked.budget, asked.trials)
        asked.page.write_text(page(home), encoding="utf-8")


if __name__ == "__main__":
    main()
