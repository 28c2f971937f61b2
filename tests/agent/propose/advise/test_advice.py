"""The models that advise on constants: what they are shown, what is made of their replies, and who is named for the result."""

import threading
from typing import Any

import numpy as np
import pytest

from agent.edit import Applied, apply
from agent.errors import ModelFault, ModelUnavailable
from agent.llm.model import Reply, Request
from agent.llm.resolve import open_model
from agent.llm.scripted import Scripted
from agent.propose import METHODS, Context, Unreadable
from agent.propose.advise import centaur
from agent.propose.advise.llambo_paper import PREDICTIONS, expected_improvement
from agent.propose.advise.llm_curves import curves_text, signals
from agent.propose.search import cmaes
from agent.propose.search.observe import Observation
from agent.records.edits import SetConstant
from agent.records.proposals import Configuration, Proposal
from agent.records.results import Trial
from agent.space import read_constants
from tests.agent.propose.example import DEFAULT, SOURCE, SPACE, context, pending, trial
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Status, Step, Text, ToolCall

ADVISERS = ("llm-hps", "llm-curves", "llambo", "llambo-paper", "centaur")
DEEPER = {"DEPTH": 12, "MATRIX_LR": 0.05}
TRIALS = (
    trial(0, 1.0),
    *(trial(n, 1.0 - n / 100, DEPTH=8 + n) for n in range(1, 8)),
    *(trial(n, "oom", DEPTH=n + 8) for n in range(8, 13)),
)
# Centaur asks on three of ten proposals; under this seed it does.
ASKING = next(
    seed for seed in range(100) if centaur.generator(seed, len(TRIALS)).random() < centaur.SHARE
)


class Listening:
    """A scripted model that remembers what it was asked."""

    origin = "scripted"

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self._model, self.name, self.asked = Scripted(answers), "scripted", list[Request]()

    def complete(self, request: Request) -> Reply:
        self.asked.append(request)
        return self._model.complete(request.model_copy(update={"index": len(self.asked) - 1}))


def script(method: str, configuration: Any) -> list[dict[str, Any]]:
    """What a model says to propose `configuration`."""
    one, many = (
        {"reason": "deeper", "configuration": configuration},
        {"reason": "deeper", "configurations": [configuration]},
    )
    scores = [{"scores": [0.9]}] * PREDICTIONS
    return {
        "llambo": [many, {"probabilities": [0.7]}],
        "llambo-paper": [many, *scores],
        "llm-curves": [many],
    }.get(method, [one])


def said(
    method: str, answers: list[dict[str, Any]], at: Context | None = None
) -> tuple[Proposal | Unreadable, str]:
    """What the method makes of the answers, and all that it showed the model."""
    model = Listening(answers)
    made = METHODS[method].build(model).propose(at or context(*TRIALS, seed=ASKING))
    return made, "\n".join("\n".join((request.system, *request.blocks)) for request in model.asked)


def tried(proposal: Proposal | Unreadable) -> Configuration:
    """The constants that a proposal makes of SOURCE's."""
    assert isinstance(proposal, Proposal), proposal
    applied = apply(SOURCE, proposal.edits)
    assert isinstance(applied, Applied)
    return {
        name: value
        for name, value in read_constants(applied.source).items()
        if value != DEFAULT[name]
    }


@pytest.mark.parametrize("method", ADVISERS)
class TestEveryAdviser:
    def test_it_proposes_what_the_model_says_and_names_it(self, method: str) -> None:
        proposal, shown = said(method, script(method, DEEPER))
        assert {
            name: value for name, value in tried(proposal).items() if name != "PATTERN"
        } == DEEPER
        assert (proposal.by.method, proposal.by.origin, proposal.by.model) == (
            method,
            "scripted",
            "scripted",
        )
        assert METHODS[method].build(Scripted([])).looks_ahead and METHODS[method].needs_model
        assert (
            "MATRIX_LR: float 0.005 .. 0.2, log scale; now 0.04" in shown
            and "300s" in shown
            and "Go." in shown
        )
        assert "0.930000 DEPTH=15" in shown
        assert ("failed (oom) DEPTH=20" in shown) == (method != "llambo"), "the port hides failures"

    def test_values_outside_the_space_are_brought_into_it(self, method: str) -> None:
        proposal, _ = said(
            method, script(method, {"DEPTH": 500, "HEAD_DIM": 100, "WEIGHT_DECAY": 0.123456789})
        )
        found = tried(proposal)
        assert (found["DEPTH"], found.get("HEAD_DIM", 128), found["WEIGHT_DECAY"]) == (
            24,
            128,
            0.1235,
        )

    @pytest.mark.parametrize(
        "configuration",
        [
            None,
            {},
            [],
            "DEPTH = 9",
            {"DEPTH": "deep"},
            {"DEPTH": True},
            {"LAYERS": 9},
            {"MATRIX_LR": 1e400},
            {"DEPTH": None},
        ],
    )
    def test_nonsense_is_recorded_as_such(self, method: str, configuration: Any) -> None:
        made, _ = said(method, script(method, configuration))
        assert isinstance(made, Unreadable) and made.reason.reason == "unreadable"
        assert (made.by.method, made.by.origin) == (method, "scripted")

    @pytest.mark.parametrize(
        "answer",
        [{"text": "I would go deeper."}, {"text": "…", "cut_off": True}, {"hypothesis": "odd"}],
    )
    def test_a_reply_of_another_kind_is_recorded_as_such(
        self, method: str, answer: dict[str, Any]
    ) -> None:
        made, _ = said(method, [answer] * 20)
        assert isinstance(made, Unreadable) and made.reason.reason == "unreadable"

    def test_a_duplicate_is_refused_and_the_next_question_says_so(self, method: str) -> None:
        # LLAMBO's port draws the choices, so that the model alone cannot repeat a trial with it.
        for old in () if method == "llambo" else ({"DEPTH": 10}, {"DEPTH": 8}, {"DEPTH": 16}):
            made, _ = said(method, script(method, old))
            assert isinstance(made, Unreadable) and made.reason.reason == "already-tried"
        refused = trial(13, "refused")
        at = context(*TRIALS, refused, seed=ASKING)
        _, shown = said(method, script(method, DEEPER), at)
        assert "refused: a long story" in shown

    def test_what_is_pending_is_shown_and_not_repeated(self, method: str) -> None:
        seed = next(
            seed
            for seed in range(100)
            if centaur.generator(seed, len(TRIALS) + 1).random() < centaur.SHARE
        )
        at = context(*TRIALS, pending=(pending(DEPTH=9, MATRIX_LR=0.05),), seed=seed)
        made, shown = said(
            method, script(method, {"DEPTH": 9, "MATRIX_LR": 0.05, "PATTERN": "SSSL"}), at
        )
        assert "in training DEPTH=9 MATRIX_LR=0.05" in shown
        assert method == "llambo" or isinstance(made, Unreadable)


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
class TestOnTheWire:
    def answer(self, provider: str, step: Step, seconds: float = 5.0) -> Proposal | Unreadable:
        """What `llm-hps` makes of one answer of the provider's server."""
        with AnthropicServer([step]) as claude, OpenAIServer([step]) as gpt:
            environment = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": claude.url}
            environment |= {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{gpt.url}/v1"}
            name = {"anthropic": "claude-opus-4-6", "openai": "gpt-5"}[provider]
            model = open_model(name, environment, seconds, threading.Event())
            return METHODS["llm-hps"].build(model).propose(context(*TRIALS))

    def test_a_tool_call_is_a_proposal_with_its_price(self, provider: str) -> None:
        proposal = self.answer(
            provider,
            ToolCall(
                {"reason": "a reason", "configuration": DEEPER}, input_tokens=900, output_tokens=40
            ),
        )
        assert (
            tried(proposal) == DEEPER
            and isinstance(proposal, Proposal)
            and proposal.rationale == "a reason"
        )
        assert (proposal.by.origin, proposal.by.input_tokens, proposal.by.output_tokens) == (
            "llm",
            900,
            40,
        )
        assert (proposal.by.cost is not None) == (provider == "anthropic"), (
            "a server of one's own has no list price"
        )
        assert proposal.by.seconds > 0 and proposal.by.calls == 1

    def test_prose_is_unreadable_and_still_paid_for(self, provider: str) -> None:
        made = self.answer(provider, Text("Deeper."))
        assert isinstance(made, Unreadable) and made.by.output_tokens

    def test_api_trouble_is_raised_and_never_a_proposal(self, provider: str) -> None:
        with pytest.raises(ModelFault):
            self.answer(provider, Status(401))
        with pytest.raises(ModelUnavailable):
            self.answer(provider, Status(500), seconds=0.2)


def test_a_batch_is_asked_for_once_and_the_ledger_alone_says_what_is_left() -> None:
    batch = [
        {"DEPTH": 9, "MATRIX_LR": 0.01},
        {"DEPTH": 9, "MATRIX_LR": 0.02},
        {"DEPTH": 10},
        {"DEPTH": 9, "MATRIX_LR": 0.01},
    ]
    answers = [
        {"reason": "a batch", "configurations": batch},
        {"reason": "another", "configurations": [{"DEPTH": 23}]},
    ]
    first, _ = said("llm-curves", answers)
    assert isinstance(first, Proposal) and len(first.then) == 1, (
        "one was tried before, one is there twice"
    )
    assert tried(first) == batch[0]
    for at in (
        context(*TRIALS, pending=(first,)),
        context(*TRIALS, ran(13, first)),
        context(*TRIALS, refused(13, first)),
    ):
        second = METHODS["llm-curves"].build(Scripted(answers)).propose(at)
        assert tried(second) == batch[1]
        assert isinstance(second, Proposal) and (
            second.by.origin,
            second.by.seconds,
            second.then,
        ) == ("scripted", 0.0, ())
    third = (
        METHODS["llm-curves"]
        .build(Scripted(answers))
        .propose(context(*TRIALS, ran(13, second), pending=(first,)))
    )
    assert tried(third) == {"DEPTH": 23}, "used up: the second answer of the script"


def ran(number: int, proposal: Proposal) -> Trial:
    """A trial of the proposal that was scored."""
    return trial(number, 0.99, **tried(proposal)).model_copy(update={"proposal": proposal})


def refused(number: int, proposal: Proposal) -> Trial:
    """The proposal as the ledger refused it."""
    return trial(number, "refused").model_copy(update={"proposal": proposal})


def test_curves_are_shown_with_what_can_be_computed_from_them() -> None:
    good = Observation(DEFAULT, 1.0, ((0.25, 4.0), (0.5, 3.5), (0.75, 3.1), (1.0, 3.09)))
    over = Observation(
        {**DEFAULT, "DEPTH": 9}, 1.1, ((0.25, 4.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0))
    )
    wild = Observation({**DEFAULT, "DEPTH": 10}, "crash", ((0.25, 3.0), (0.5, 4.0)))
    flat = Observation({**DEFAULT, "DEPTH": 11}, 1.2, ((0.25, 3.0), (0.75, 2.0), (1.0, 2.0)))
    assert signals(good, good) == ["nothing unusual"]
    assert [s.split(":")[0] for s in signals(over, good)] == ["underfitting", "overfitting"]
    assert [s.split(":")[0] for s in signals(wild, good)] == ["unstable"]
    assert [s.split(":")[0] for s in signals(flat, None)] == ["plateau"]
    text = curves_text([good, over, wild, Observation(DEFAULT, 1.0)], SPACE)
    assert (
        "1.100000 DEPTH=9\n  loss 0.25:4.000 0.50:3.000 0.75:2.500 1.00:2.000" in text
        and "failed (crash) DEPTH=10" in text
    )
    assert curves_text([Observation(DEFAULT, 1.0)], SPACE) == ""


def test_centaur_shows_the_state_and_lets_the_proposal_stand() -> None:
    seen = [Observation(t.configuration, t.value or "oom") for t in TRIALS]
    own, state = cmaes.suggest(SPACE, seen, ASKING), cmaes.state_of(SPACE, seen)
    made, shown = said("centaur", [{"reason": "good as it is", "keep": True}])
    assert tried(made) == {name: value for name, value in own.items() if value != DEFAULT[name]}
    assert (made.by.origin, made.by.model) == ("search", "scripted"), (
        "the search's own, though a model was paid for it"
    )
    assert f"step size: {state.step:.4f}" in shown and f"DEPTH={state.centre['DEPTH']!r}" in shown
    assert ", ".join(f"{place:.3f}" for place in state.mean) in shown
    assert (
        "DEPTH: "
        + " ".join(f"{value:.3f}" for value in state.covariance[list(state.names).index("DEPTH")])
        in shown
    )
    assert f"'SSSL' {dict(state.chances['PATTERN'])['SSSL']:.2f}" in shown
    assert f"DEPTH={own['DEPTH']!r}" in shown


def test_centaur_asks_on_a_share_of_the_proposals_after_its_warm_up() -> None:
    model = Listening([{"reason": "", "keep": True}] * 200)
    proposer = METHODS["centaur"].build(model)
    for seed in range(100):
        proposer.propose(context(*TRIALS[:8], seed=seed))
    assert not model.asked
    origins = [proposer.propose(context(*TRIALS, seed=seed)).by for seed in range(100)]
    assert 18 < len(model.asked) < 42
    assert len(model.asked) == sum(by.model is not None for by in origins)


def test_cmaes_is_told_a_far_point_no_further_out_than_a_draw_may_lie() -> None:
    strategy = cmaes.CatCMAwM(
        x_space=[[0.0, 1.0]] * 4,
        mean=np.full(4, 0.5),
        sigma=0.05,
        cov=np.diag([1.0, 1.0, 4.0, 0.25]),
    )
    near, far = np.array([0.5, 0.55, 0.4, 0.5]), np.array([0.5, 0.5, 0.5, 1.0])
    assert cmaes._shortened(near, strategy) == pytest.approx(near)
    told = cmaes._shortened(far, strategy)
    assert told[:3] == pytest.approx(far[:3])
    assert (told[3] - 0.5) / (0.05 * 0.5) == pytest.approx(4**0.5 + 2 * 4 / 6)


def test_expected_improvement_prefers_better_then_less_certain() -> None:
    gains = expected_improvement(np.array([[0.9, 1.0, 1.1], [0.9, 1.2, 1.1]]), best=1.0)
    assert gains[0] == pytest.approx(0.1) and gains[0] > gains[1] > gains[2] >= 0


def test_a_proposal_of_many_questions_books_them_all_and_counts_on_from_there() -> None:
    answers = [
        {**answer, "input_tokens": 100, "output_tokens": 10, "cost": 0.01}
        for answer in script("llambo-paper", DEEPER)
    ]
    proposal, _ = said("llambo-paper", answers)
    assert isinstance(proposal, Proposal)
    assert (proposal.by.input_tokens, proposal.by.output_tokens) == (
        100 * (1 + PREDICTIONS),
        10 * (1 + PREDICTIONS),
    )
    assert proposal.by.cost == pytest.approx(0.01 * (1 + PREDICTIONS))
    again = METHODS["llambo-paper"].build(
        Scripted([*answers, *script("llambo-paper", {"DEPTH": 23})])
    )
    assert tried(again.propose(context(*TRIALS, ran(13, proposal)))) == {"DEPTH": 23}


def test_the_paper_s_llambo_starts_with_draws_that_are_called_so() -> None:
    proposal = METHODS["llambo-paper"].build(Scripted([])).propose(context(*TRIALS[:3]))
    assert isinstance(proposal, Proposal) and (proposal.by.origin, proposal.by.model) == (
        "search",
        None,
    )
    assert proposal.edits and isinstance(proposal.edits[0], SetConstant)
