"""A run whose data is replaced: no score from before is compared with one from after."""

from pathlib import Path

from agent.cli.renewal import renewed
from agent.dashboard.charts import Staircase, walk_of
from agent.dashboard.view import read_view
from agent.display.state import baseline_of
from agent.history.history import History
from agent.judge.decide import incumbent_of
from agent.judge.noise import noise_of
from agent.project.template import PREPARE, is_retired, template_files
from agent.records.objective import LOWER
from agent.records.results import on_newest_data
from agent.run.ledger import Ledger
from agent.space import read_constants, read_space
from sandbox.ground.outcome import Finished, Outcome, RunSpec
from tests.agent.study import proposal, study, train, work_on
from tests.e2e.researcher import git

OLD = "a" * 64
NEW = "b" * 64
REASON = "the old data could be read"


def on_harder_data(spec: RunSpec) -> tuple[Outcome, str]:
    """Score a train.py on data that costs ten bits more."""
    outcome, log = train(spec)
    assert isinstance(outcome, Finished)
    before, _, rest = log.partition("val_bpb: ")
    value, _, end = rest.partition("\n")
    return outcome, f"{before}val_bpb: {float(value) + 10}\n{end}"


def with_other_data(history: History) -> None:
    history.change_data(history.draft_prepare("MAX_SEQ_LEN = 64\nOTHER = 1\n"), NEW, REASON)


def broken_run(folder: Path) -> History:
    """Return a closed run with a keep on the old data and one on the new."""
    with study(folder, data_fingerprint=OLD) as history:
        work_on(history, [proposal(LR=0.3), proposal(LR=0.05)], trials=2)
        with_other_data(history)
        work_on(history, [proposal(LR=0.35)], on_harder_data, trials=1)
        return history


def test_the_change_is_a_commit_that_says_why_and_needs_a_baseline(tmp_path: Path) -> None:
    with study(tmp_path, data_fingerprint=OLD) as history:
        work_on(history, [proposal(LR=0.3)], trials=1)
        tip = history.tip
        with_other_data(history)
        again = History.read(history.project, history.branch)
        for state in (history, again):
            assert state.data_fingerprint == NEW and state.run.data_fingerprint == OLD
            assert Ledger(state, read_space).needs_baseline
            assert state.on_other_data(tip) and not state.on_other_data(state.tip)
            assert (len(state.incomparable), state.comparable) == (2, ())
        assert (history.worktree / "prepare.py").read_text().endswith("OTHER = 1\n")
        assert git(tmp_path, "diff", "--name-only", tip, history.tip) == "prepare.py"
        message = git(tmp_path, "log", "-1", "--format=%B", history.branch)
        assert REASON in message and NEW in message


def test_scores_from_before_and_after_are_not_compared(tmp_path: Path) -> None:
    closed = broken_run(tmp_path)
    history = History.read(closed.project, closed.branch)
    assert [trial.status for trial in history.trials] == [
        "baseline",
        "keep",
        "discard",
        "baseline",
        "keep",
    ]
    assert history.trials == closed.trials
    first, kept, worse, baseline, better = history.trials
    assert [trial.new_data for trial in history.trials] == [False, False, False, True, False]
    assert on_newest_data(history.trials) == (baseline, better) == history.comparable
    assert better.against == baseline.number and better.delta is not None and abs(better.delta) < 1
    assert baseline_of(history.trials) == baseline and incumbent_of(history.trials) == better
    spread = noise_of((baseline, better), LOWER)
    assert noise_of(history.trials, LOWER) == spread and spread.runs == 2
    context = Ledger(history, read_space).context(())
    assert context.trials == (baseline, better)
    assert [(prior.number, prior.outcome) for prior in context.prior] == [
        (t.number, t.value) for t in (first, kept, worse)
    ]


def test_what_was_tried_on_the_old_data_may_be_tried_again(tmp_path: Path) -> None:
    with study(tmp_path, data_fingerprint=OLD) as history:
        work_on(history, [proposal(LR=0.05)], trials=1)
        with_other_data(history)
        work_on(history, [proposal(LR=0.05)], on_harder_data, trials=1)
        assert [trial.status for trial in history.trials] == [
            "baseline",
            "discard",
            "baseline",
            "discard",
        ]


def test_an_attempt_in_flight_is_not_scored_on_the_other_data_but_tried_again(
    tmp_path: Path,
) -> None:
    with study(tmp_path, data_fingerprint=OLD) as history:
        work_on(history, [proposal(LR=0.3)], trials=1)
        waiting = Ledger(history, read_space).begin(proposal(LR=0.35))
        with_other_data(history)
        work_on(history, [], on_harder_data, trials=1)
        refused, baseline, tried = history.trials[-3:]
        if baseline.status != "baseline":
            refused, baseline = baseline, refused
    assert (refused.number, refused.status, refused.result) == (waiting.number, "refused", None)
    assert "other data" in refused.reason
    assert baseline.new_data
    assert (tried.status, tried.against, tried.proposal.by.replays) == (
        "keep",
        baseline.number,
        waiting.number,
    )


def test_the_report_begins_anew_with_the_data(tmp_path: Path) -> None:
    closed = broken_run(tmp_path)
    view = read_view(closed)
    assert view.run.data_fingerprint == NEW
    assert [trial.number for trial in view.incumbents] == [0, 1, 3, 4]
    assert [trial.number for trial in view.reigns] == [3, 4]
    assert view.gain is not None and abs(view.gain) < 1
    assert view.beaten_by(view.trials[3]) is None
    assert Staircase(view).steps.count("M") == 1
    assert all(value > 9 for _, value in walk_of(view))
    assert [gain.trial.number for gain in view.gains] == [4]


RETIRED = (
    'CORPUS = "stdlib"\nTOKENIZER = "byte"\nVOCAB_SIZE = 512\nSEQUENCE_LENGTH = 256\n'
    "VAL_TOKENS = 2**12\n"
    "VAL_DOCUMENT_CHARS = 2**12\n\n\ndef stdlib_documents():\n    pass\n"
)


def test_an_old_prepare_is_told_by_its_corpus() -> None:
    today = template_files()[PREPARE]
    assert is_retired(RETIRED)
    assert not is_retired(today)
    assert not is_retired(RETIRED.replace("stdlib_documents", "documents")), "a stranger's own"
    assert not is_retired(RETIRED.replace('"stdlib"', '"folder:/texts"'))
    assert not is_retired("not python (")


def test_the_owner_s_constants_are_carried_over_and_the_corpus_is_not() -> None:
    text = renewed(RETIRED)
    constants = read_constants(text)
    assert not is_retired(text)
    assert {name: constants[name] for name in ("TOKENIZER", "VOCAB_SIZE", "VAL_TOKENS")} == {
        "TOKENIZER": "byte",
        "VOCAB_SIZE": 512,
        "VAL_TOKENS": 4096,
    }
    assert (constants["CORPUS"], constants["VAL_DOCUMENT_CHARS"]) == ("sotu", 2**13)
    assert renewed('CORPUS = "stdlib"\n') == template_files()[PREPARE]
