"""What a file says of a constant beside its name: comments, headings, choices and limits."""

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edit.files import Sources
from agent.edit.literal import Literal
from agent.edit.places.limits import Limits
from agent.space.infer import infer
from agent.space.knobs.evidence import Evidence
from agent.space.read import Choice, read_choices


def choices_of(text: str, path: str = "train.py") -> dict[str, Choice]:
    files = {"train.py": "", path: dedent(text)}
    choices = read_choices(Sources(files, "train.py", tuple(files)))
    return {choice.constant.local: choice for choice in choices}


@pytest.mark.parametrize(
    "comment",
    [
        *("don't change", "DO NOT MODIFY", "never edit", "leave as is", "leave this alone"),
        *("hands off", "no tuning here", "frozen", "read-only", "keep in sync with eval.py"),
        *("same as in prepare.py", "has to match the teacher", "cannot be changed later"),
        *("part of the evaluation protocol", "required by the evaluator"),
        *("given by the competition", "fixed by the benchmark rules", "0.1 (fixed)"),
    ],
)
def test_an_owner_says_in_many_words_that_a_constant_stays(comment: str) -> None:
    inferred = infer(Evidence("LR", 0.1, text=f"# {comment}"))
    assert inferred.range is None
    assert inferred.reason == "its comment says that it stays as it is"


@pytest.mark.parametrize(
    "comment",
    [
        *("found by hand", "not tuned yet", "tuned on the validation set", "found in 3 days"),
        *("as in the paper", "fixed learning rate", "set by hand", "peak, after 100 steps"),
        *("for the pretrained backbone", "same as the default of torch", "for all epochs"),
    ],
)
def test_a_comment_that_only_tells_of_a_knob_leaves_it_searched(comment: str) -> None:
    assert infer(Evidence("LR", 0.1, text=f"# {comment}")).range


@pytest.mark.parametrize(
    ("name", "value", "comment"),
    [
        *(("TAU", 0.02, "in seconds"), ("WEIGHT", 70, "kg"), ("SIGMA", 2.0, "mm")),
        *(("TEMPERATURE", 20.0, "degrees Celsius"), ("TEMP", 29.8, "Celsius")),
        *(("WIDTH", 640, "pixels"), ("CLIP", 10.0, "of the video, in seconds")),
        *(("BATCH_SIZE", 100, "of validation"), ("BATCH_SIZE", 1, "used at inference")),
        *(("WARMUP", 10, "timing warm-up runs"), ("MOMENTUM", 0.9, "eval only")),
        *(("ALPHA", 0.05, "significance level"), ("ALPHA", 0.5, "opacity of the plot")),
        *(("BETA", 2, "of the F-beta score"), ("GAMMA", 2.2, "gamma correction of the monitor")),
        *(("WIDTH", 64, "image width"), ("DEPTH", 3, "RGB"), ("CHANNELS", 64, "EEG electrodes")),
        *(("DEPTH", 20, "of the order book"), ("MARGIN", 0.2, "of the broker")),
        *(("HIDDEN", 768, "hidden size of BERT (pretrained)"), ("GROUPS", 5, "of patients")),
        *(("NOISE", 0.1, "measurement noise of the sensor"), ("SIGMA", 0.3, "volatility")),
    ],
)
def test_a_name_of_two_meanings_has_the_one_of_its_comment(
    name: str, value: Literal, comment: str
) -> None:
    assert infer(Evidence(name, value)).range
    inferred = infer(Evidence(name, value, text=f"# {comment}"))
    assert inferred.range is None
    assert inferred.reason


@pytest.mark.parametrize(
    ("name", "value", "comment"),
    [
        *(("GAMMA", 0.99, "discount factor for future rewards"), ("GAMMA", 2.0, "focal loss")),
        *(("BETA", 4.0, "weight of the KL term"), ("TAU", 0.005, "target network update rate")),
        *(("WIDTH", 64, "channels of the first layer"), ("DEPTH", 4, "transformer blocks")),
        *(("RANK", 8, "of the adapters"), ("MOMENTUM", 0.9, "of SGD"), ("CLIP", 1.0, "gradient")),
        *(("BATCH_SIZE", 32, "samples per step"), ("EMA_FAST", 12, "days")),
        *(("NOISE", 0.1, "std of gaussian noise added to the weights"), ("TAU", 0.01, "")),
    ],
)
def test_a_name_of_two_meanings_is_a_knob_where_its_comment_speaks_of_learning(
    name: str, value: Literal, comment: str
) -> None:
    assert infer(Evidence(name, value, text=f"# {comment}")).range


@pytest.mark.parametrize(
    ("name", "value", "comment", "low", "high"),
    [
        ("DROPOUT", 0.1, "in [0, 0.2]", 0.0, 0.2),
        ("DROPOUT", 0.1, "between 0 and 0.3", 0.0, 0.3),
        ("LR", 0.1, "at most 0.3", 0.01, 0.3),
        ("LR", 0.1, "must be < 0.3", 0.01, 0.298),
        ("LR", 1e-3, "max 2e-3, min 5e-4", 5e-4, 2e-3),
        ("HEADS", 8, "at least 4", 4, 16),
        ("BATCH_SIZE", 32, "up to 64", 8, 64),
        ("HIDDEN", 128, "must be a multiple of 64", 64, 512),
        # What is no limit: other values that were tried, a schedule.
        ("LR", 0.1, "tried 0.3 and 0.03", 0.01, 1.0),
        ("LR", 0.1, "decays from 0.1 to 0.001", 0.01, 1.0),
        ("LR", 0.1, "at most 0.05", 0.01, 1.0),
    ],
)
def test_a_comment_states_limits(
    name: str, value: Literal, comment: str, low: float, high: float
) -> None:
    found = infer(Evidence(name, value, text=f"# {comment}")).range
    assert found
    assert (found.low, found.high) == (low, high)


def test_a_comment_asks_for_multiples_and_powers() -> None:
    heads = infer(Evidence("N_HEAD", 12, text="# divisible by 3")).range
    assert heads and heads.choices == (3, 6, 12)
    assert infer(Evidence("KERNEL", 1, text="# at most 1")).range is None


CHECKED = """
    class Model(BaseModel):
        lr: float = Field(1e-3, gt=0, lt=0.002)
        dropout: float = Field(default=0.1, ge=0.0, le=0.3)
        layers: Annotated[int, Field(ge=3, le=6)] = 4
        kernel: Literal[3, 5] = 3
        momentum: confloat(ge=0.85, le=0.95) = 0.9
    @attrs.define
    class Optimizer:
        wd: float = attrs.field(default=0.01, validator=[ge(0.005), le(0.02)])
    @click.command()
    @click.option("--warmup-steps", type=click.IntRange(50, 150), default=100)
    def start(): ...
    def main(hidden: int = typer.Option(64, min=32, max=128)): ...
    parser.add_argument("--batch-size", type=int, default=32, choices=[16, 32, 64])
    parser.add_argument("--depth", type=int, default=2, choices=range(1, 4))
    flags.DEFINE_float("beta1", 0.9, "", lower_bound=0.85, upper_bound=0.95)
"""


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        *(("Model.lr", 1e-4, 0.00199), ("Model.dropout", 0.0, 0.3), ("Model.layers", 3, 6)),
        *(("Model.momentum", 0.85, 0.95), ("Optimizer.wd", 0.005, 0.02)),
        *(("--warmup-steps", 50, 150), ("main.hidden", 32, 128), ("--depth", 1, 3)),
        ("--beta1", 0.85, 0.95),
    ],
)
def test_a_range_stays_within_what_the_file_checks(name: str, low: float, high: float) -> None:
    parameter = choices_of(CHECKED)[name].parameter
    assert parameter
    assert (parameter.low, parameter.high) == (low, high)


@pytest.mark.parametrize(
    ("name", "values"), [("Model.kernel", (3, 5)), ("--batch-size", (16, 32, 64))]
)
def test_numbers_that_a_file_allows_are_the_choices(name: str, values: tuple[int, ...]) -> None:
    parameter = choices_of(CHECKED)[name].parameter
    assert parameter and parameter.choices == values


PYTHON = """
    # Do not change.
    LR = 0.1
    WD = 0.1

    # ---- fixed by the task ----
    BETA1 = 0.9
    BETA2 = 0.99

    MOMENTUM = 0.9
    # never change these values
    if MOMENTUM:
        DROPOUT = 0.1
"""
YAML = """
    # do not change
    lr: 0.1
    wd: 0.1
    opt:
      # never change these values
      momentum: 0.9
      beta1: 0.9
    beta2: 0.99
"""


@pytest.mark.parametrize(
    ("text", "path", "kept"),
    [
        (PYTHON, "train.py", {"LR", "BETA1", "BETA2"}),
        (YAML, "a.yaml", {"lr", "opt.momentum", "opt.beta1"}),
    ],
)
def test_a_comment_above_keeps_a_constant_and_a_heading_keeps_those_below_it(
    text: str, path: str, kept: set[str]
) -> None:
    choices = choices_of(text, path)
    assert {name for name, choice in choices.items() if choice.parameter is None} == kept
    assert all("comment above" in choices[name].reason for name in kept)


NUMBERS = st.one_of(st.none(), st.integers(-100, 1000), st.floats(-10, 1000, allow_nan=False))
SAYINGS = ("at most", "at least", "between 0 and", "in [0,", "<", ">=", "multiple of", "power of")


@given(
    name=st.sampled_from(["lr", "dropout", "hidden", "n_heads", "kernel_size", "beta2", "QUOKKA"]),
    value=st.one_of(st.integers(-5, 2000), st.floats(0, 10)),
    comment=st.builds("# {} {}]".format, st.sampled_from(SAYINGS), st.integers(0, 300)),
    limits=st.builds(Limits, NUMBERS, NUMBERS, st.booleans(), st.booleans()),
    choices=st.lists(st.integers(0, 64), max_size=4),
)
def test_whatever_is_allowed_a_range_holds_its_value_and_another_one(
    name: str, value: Literal, comment: str, limits: Limits, choices: list[int]
) -> None:
    evidence = Evidence(name, value, text=comment, limits=limits, choices=tuple(choices))
    inferred = infer(evidence)
    for found in (inferred.range, inferred.guess):
        if found and found.choices:
            assert value in found.choices and len(found.choices) > 1
        elif found:
            assert isinstance(value, int | float)
            assert found.low <= value <= found.high
            assert found.low < found.high
            assert found.low > 0 or not found.log
