"""Views of nights of any length: plausible scores, every verdict, curves, and hostile text."""

import math
import random
from datetime import UTC, datetime, timedelta

from agent.dashboard.view import View
from agent.project.settings import RunSettings
from agent.records.edits import SetConstant
from agent.records.guards import GuardResult
from agent.records.objective import Objective
from agent.records.proposals import Proposal, Provenance, Value
from agent.records.results import KEPT, Attempt, Change, Result, Score, Trial
from sandbox.ground.budget import Budget

# Each of these would do something if it were not escaped: run, load, close a tag or a script, move
# a cursor, turn the text around.
HOSTILE = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "<!--<script>",
    "<img src=x onerror=window.pwned=1>",
    '" onmouseover="window.pwned=1" x="',
    "javascript:window.pwned=1",
    "{{ 7*7 }}{% include 'base.html' %}",
    "</textarea></style></title></svg><svg onload=window.pwned=1>",
    "]]></text><a href=javascript:window.pwned=1>x</a>",
    "\u202eesrever \u2066 \x1b[31mred\x1b[0m \x00\x07",
    "![x](javascript:window.pwned=1) <b>@everyone</b> [a](http://evil.example) `|` #1",
)
IDEAS = (
    "halve the batch: twice the steps in the same time",
    "RMSNorm without a weight",
    "warm down over the last 60 % of the budget",
    "squared ReLU in the feed-forward",
    "embedding learning rate 0.6 → 0.8: the table is sparse",
    "tie no weights",
    "rotary base 10 000 → 200 000",
    "a deeper, narrower model of the same size",
    "gradient clipping at 1.0",
    "QK norm",
)


def settings(tag: str = "nov24") -> RunSettings:
    """Return the settings of a run."""
    return RunSettings(
        tag=tag,
        method="code",
        model="opus",
        budget=Budget(amount=300),
        seed=0,
        workers=1,
        trials=None,
        hours=8.0,
        max_cost=None,
        baseline_repeats=3,
        data_fingerprint="0f" * 32,
        start_commit="5e" * 20,
        score="sealed",
    )


DIFF = """diff --git a/workspace/train.py b/workspace/train.py
--- a/workspace/train.py
+++ b/workspace/train.py
@@ -10,5 +10,6 @@ class GPT:
     def forward(self, x):
-        return self.head(x)  # NUMBER
+        # Run the model: TEXT
+        return self.head(self.norm(x) * NUMBER)
 # what follows
 # stays
 EMBEDDING_LR = 0.6
"""


def diff(number: int, text: str = "") -> str:
    """Return a diff of a train.py, as git prints it."""
    return DIFF.replace("NUMBER", str(number)).replace("TEXT", text)


def diffs_of(view: View) -> dict[int, str]:
    """Return a diff for each trial, with its hypothesis in it."""
    return {trial.number: diff(trial.number, trial.proposal.hypothesis) for trial in view.trials}


def trial(
    number: int,
    status: str,
    value: float | None,
    delta: float | None,
    hypothesis: str,
    **fields: object,
) -> Trial:
    """Return a trial, five minutes after the one before."""
    lr = round(0.6 * math.exp(0.3 * math.sin(number)), 4)
    words = ("SSSL", "LLLL")[number % 2]
    at = datetime(2026, 11, 24, 1, 0, tzinfo=UTC) + timedelta(minutes=5 * number)
    return Trial.model_validate(
        {
            "number": number,
            "status": status,
            "reason": f"the reason of a {status}",
            "result": None if status == "refused" else result(number, status, value),
            "delta": delta,
            "proposal": proposal(hypothesis, lr),
            "changes": (Change(name="EMBEDDING_LR", before=0.6, after=lr),),
            "configuration": {"EMBEDDING_LR": lr, "DEPTH": 4 + number % 5, "WINDOW_PATTERN": words},
            "attempt": f"{number + 1:040x}",
            "verdict": f"{number + 5000:040x}",
            "at": at.isoformat(),
        }
        | fields
    )


def proposal(hypothesis: str, lr: float) -> Proposal:
    """Return a model's proposal."""
    by = Provenance(
        method="code",
        origin="llm",
        model="opus",
        input_tokens=21_000,
        output_tokens=900,
        cost=0.06,
        seconds=14.0,
    )
    edits = (SetConstant(name="EMBEDDING_LR", value=str(lr)),)
    return Proposal(
        hypothesis=hypothesis,
        rationale="It should be better because of this.\n\nAnd of that.",
        edits=edits,
        by=by,
    )


def result(number: int, status: str, value: float | None) -> Result:
    """Return a result; the baseline's has three seeds."""
    scores: list[Score] = []
    if value is not None:
        for offset in (-1, 0, 1) if number == 0 else (0,):
            score = Score(value=value + 0.0004 * offset, seed=offset + 1, kind="sealed")
            scores.append(score)
    end = (value or 1.2) * 2.1
    points = 20 if scores else 7
    curve = tuple((i / 20, end + 4 * math.exp(-i / 3)) for i in range(1, points + 1))
    return Result.model_validate(
        {
            "status": "scored" if scores else status,
            "scores": scores,
            "curve": curve,
            "seconds": 301.4,
            "score_seconds": 9.1,
            "peak_memory_mb": 7800.0 + number % 90,
            "parameters": 26_000_000,
            "facts": {"num_steps": 900 + number % 50},
            "tier": "A",
            "detail": "" if scores else "RuntimeError: shapes (64, 512) and (512, 64)",
        }
    )


def night(length: int, seed: int = 0) -> View:
    """Return `length` trials: a baseline, some keeps, many discards, some failures and refusals."""
    dice = random.Random(seed)
    best = 0.9979
    trials: list[Trial] = []
    for number in range(length):
        idea = IDEAS[number % len(IDEAS)]
        kind = dice.random()
        if number == 0:
            trials.append(trial(0, "baseline", best, None, "train.py as it is"))
        elif kind < 0.08:
            status = ("crash", "oom", "timeout", "invalid", "refused")[number % 5]
            trials.append(trial(number, status, None, None, idea))
        elif kind < 0.08 + 2 / (2 + number**0.7):
            gain = 0.001 + 0.02 * dice.random() / (1 + number / 20)
            best -= gain
            trials.append(trial(number, "keep", best, -gain, idea))
        else:
            worse = abs(dice.gauss(0.004, 0.006))
            trials.append(trial(number, "discard", best + worse, worse, idea))
    return View("autoresearch/nov24", settings(), tuple(trials))


MACHINE = "3f9a01c2 NVIDIA H100"


def busy(length: int = 40) -> View:
    """Return a night of several methods and two workers, with an attempt in flight.

    The code gains a constant halfway. Trial 12 was proposed on the state before the one that was
    the tip at its verdict, and 14 repeats it; 21 repairs 20.
    """
    view = night(length)
    trials: list[Trial] = []
    kept: list[int] = []
    for trial in view.trials:
        against = None
        if trial.status not in ("baseline", "refused"):
            against = kept[-2] if trial.number == 12 else kept[-1]
        constants: dict[str, Value] = dict(trial.configuration)
        if trial.number >= length // 2:
            constants["PAIRS"] = 2 ** (trial.number % 4)
        by = trial.proposal.by.model_copy(update=_provenance(trial.number))
        changed = {
            "against": against,
            "result": trial.result and _on_machine(trial.result),
            "proposal": trial.proposal.model_copy(update={"by": by}),
            "configuration": constants,
        }
        trials.append(trial.model_copy(update=changed))
        if trial.status in KEPT:
            kept.append(trial.number)
    last = trials[-1]
    flying = Attempt(number=length, commit="c", parent=last.verdict, proposal=last.proposal)
    return View(view.branch, view.run, tuple(trials), (flying,), 4711)


def _provenance(number: int) -> dict[str, object]:
    if number == 0:
        return {"method": "baseline", "origin": "baseline", "model": None, "calls": 1}
    method = ("code", "trust", "llm-hps")[number % 3]
    return {
        "method": method,
        "model": None if method == "trust" else "opus",
        "repairs": 20 if number == 21 else None,
        "replays": 12 if number == 14 else None,
        "calls": 1,
    }


def _on_machine(result: Result) -> Result:
    scores = [score.model_copy(update={"machine": MACHINE}) for score in result.scores]
    return result.model_copy(update={"scores": tuple(scores)})


def hostile() -> View:
    """Return a night in which every text of a model or a training is an attack."""
    baseline = trial(0, "baseline", 1.0, None, "train.py as it is")
    trials = [baseline]
    for number, text in enumerate(HOSTILE, 1):
        by = Provenance(method=text, origin="llm", model=text)
        claim = Proposal(
            hypothesis=text, rationale=text, edits=(SetConstant(name=text, value=text),), by=by
        )
        status = ("keep", "crash", "refused", "discard")[number % 4]
        value = {"keep": 1.0 - number / 100, "discard": 1.2}.get(status)
        attack = trial(
            number,
            status,
            value,
            value and value - 1,
            text,
            proposal=claim,
            reason=text,
            at="",
            changes=(Change(name=text, before=text, after=None),),
            configuration={text: text, "LR": number},
        )
        assert attack.result or status == "refused"
        if attack.result:
            texts = {"facts": {text: text}, "tier": text, "detail": text}
            result = attack.result.model_copy(update=texts)
            attack = attack.model_copy(update={"result": result})
        trials.append(attack)
    flying = Attempt(number=len(trials), commit="c", parent="p", proposal=trials[1].proposal)
    return View("autoresearch/nov24", settings(), tuple(trials), (flying,), 4711)


MODEL = "scripted:../replies/of-a-long-night.jsonl"
LONG = (
    "conf/base.yaml:optimizer.param_groups.embedding.learning_rate",
    "conf/base.yaml:optimizer.param_groups.matrix.learning_rate",
    "Config.model.transformer.attention.window_pattern",
    "--gradient-accumulation-steps-per-device",
    "TOTAL_BATCH_SIZE_IN_TOKENS_PER_OPTIMIZER_STEP",
    "学习率衰减比例_for_the_whole_model",
    "MLP_RATIO",
    "dataset.tokenizer.name",
    "Config.schedule.warmdown_ratio",
    "Config.schedule.warmup_ratio",
    "init.std",
    "LOGIT_CAP",
)


def wordy(length: int = 120, workers: int = 3) -> View:
    """Return a night with the long names that real projects have, in slots with known times.

    It paused for ten hours in the middle; trial 7 was interrupted by that.
    """
    view = busy(length)
    trials = [_wordy(trial, length) for trial in view.trials]
    begun: dict[str, int] = {}
    placed: list[Trial] = []
    free = [datetime(2026, 11, 24, 1, 0, tzinfo=UTC)] * workers
    for trial in trials:
        slot = min(range(workers), key=free.__getitem__)
        begin = free[slot] + timedelta(seconds=4 if trial.number % 9 else 160)
        pause = timedelta(
            hours=10 if trial.number in range(length // 2, length // 2 + workers) else 0
        )
        begin += pause
        end = begin + timedelta(seconds=318 + 37 * (trial.number % 4))
        free[slot] = end
        begun[trial.attempt] = int(begin.timestamp())
        placed.append(trial.model_copy(update={"at": end.isoformat()}))
    begun["c"] = int(min(free).timestamp()) + 4
    run = view.run.model_copy(update={"workers": workers, "model": MODEL})
    return View(view.branch, run, tuple(placed), view.in_flight, 4711, begun=begun)


def _wordy(trial: Trial, length: int) -> Trial:
    dice = random.Random(trial.number)
    constants: dict[str, Value] = {name: round(math.exp(dice.gauss(-3, 2)), 6) for name in LONG}
    constants["dataset.tokenizer.name"] = dice.choice(
        ("sentencepiece/unigram-32k-normalised", "tiktoken/o200k_base", "bytes")
    )
    by = trial.proposal.by
    model = MODEL if by.model else None
    method = "hybrid-of-three" if by.method == "code" else by.method
    text = f"{trial.proposal.hypothesis}, because the {LONG[trial.number % 3]} of the last trial "
    proposed = trial.proposal.model_copy(
        update={
            "hypothesis": text + "was still limited by how noisy its gradient is",
            "by": by.model_copy(update={"model": model, "method": method}),
        }
    )
    result = trial.result
    if result:
        noisy = tuple((x, y + 0.05 * dice.gauss(0, 1)) for x, y in result.curve)
        result = result.model_copy(update={"curve": noisy, "peak_memory_mb": 139_812.4})
    return trial.model_copy(
        update={"configuration": constants, "proposal": proposed, "result": result}
    )


GUARDED = Objective.model_validate(
    {
        "metric": "val_bpb",
        "guards": ["latency_ms <= 30", "params_m <= baseline + 5%"],
        "checks": ["pytest -q tests"],
        "also": ["<b>odd & \\frac{1}{0}"],
        "target": 0.9,
    }
)


def guarded(view: View) -> View:
    """Return a night whose trials print further metrics; every seventh one breaks a guard."""
    trials = tuple(_guarded(trial) for trial in view.trials)
    run = view.run.model_copy(update={"objective": GUARDED})
    return View(view.branch, run, trials)


def _guarded(trial: Trial) -> Trial:
    if trial.result is None or not trial.result.scores:
        return trial
    latency = 20.0 + trial.number % 7 * 2.5
    also = {"latency_ms": latency, "params_m": 5.0, GUARDED.also[0]: 1.0 + trial.number}
    scores = tuple(score.model_copy(update={"also": also}) for score in trial.result.scores)
    changes: dict[str, object] = {"result": trial.result.model_copy(update={"scores": scores})}
    if latency > 30 and trial.status == "discard":
        broken = GuardResult(
            guard=GUARDED.guards[0],
            finding="outside",
            value=latency,
            excess=latency - 30,
            low=latency - 31,
            high=latency - 29,
            runs=1,
        )
        changes |= {"status": "guarded", "guards": (broken,), "reason": f"it breaks {broken}"}
    return trial.model_copy(update=changes)
