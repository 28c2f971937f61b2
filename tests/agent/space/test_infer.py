"""Which constants are searched without a stated range, and within which bounds."""

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edit.literal import Literal
from agent.space.infer import KNOWN, infer
from agent.space.knobs.early import EARLY
from agent.space.knobs.evidence import Evidence, words_of
from agent.space.knobs.kind import Kind
from agent.space.knobs.learning import FORMS, LEARNING
from agent.space.knobs.other import OTHERS
from agent.space.knobs.sizes import SIZES
from agent.space.knobs.vocabulary import COMMON
from agent.space.ranges import Range, parse_range, written
from agent.space.uses import uses_of
from tests.agent.space.names import FIXED, KNOBS, constants


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("RANDOM_STATE", 42), ("SEED", 1), ("data_seed", 3)),
        *(("COMMISSION", 0.001), ("FEE", 0.0005), ("SLIPPAGE", 0.0002), ("TRADING_DAYS", 252)),
        *(("INITIAL_CAPITAL", 1e5), ("PI", 3.14159), ("LN2", 0.693147), ("GB", 1024**3)),
        *(("H100_PEAK", 989.5e12), ("PEAK_TFLOPS", 312.0), ("INF", 1e9), ("HALF_TURN", 3.14159)),
        *(("SEQ_LENGTH", 1024), ("CTX_LEN", 256), ("CONTEXT_LEN", 256), ("MAX_LENGTH", 128)),
        *(("T", 1024), ("MAX_SEQ_LEN", 64), ("SEQ_LEN", 64), ("BLOCK_SIZE", 64)),
        *(("DRY_RUN", False), ("SMOKE_TEST", False), ("RESUME", False), ("PUSH_TO_HUB", False)),
        *(("PLOT", True), ("DETERMINISTIC", True), ("FADE_END_STEP", 1_000_000_000)),
        *(("NUM_CIRCLES", 26), ("FINAL_TRAIN_STEPS", 3020), ("EPOCHS", 3), ("MAX_STEPS", 10)),
        *(("TIME_LIMIT", 3), ("HOURS", 1), ("NUM_CLASSES", 10), ("IMG_SIZE", 32), ("N_FOLDS", 5)),
        *(("EOS_TOKEN_ID", 50256), ("TEST_SIZE", 0.2), ("VAL_FRACTION", 0.1), ("NUM_WORKERS", 4)),
        *(("TARGET_LOSS", 3.28), ("TRAIN_SPLIT", 0.9), ("NUM_WIDGETS", 4)),
        # The same kinds in the spellings of options, fields, dictionaries and settings files.
        *(("--random-state", 42), ("Config.rngSeed", 1), ("CONFIG.data.seed", 0)),
        *(("nEpochs", 3), ("--num-train-epochs", 3), ("num_iterations", 100), ("maxSteps", 10)),
        *(("conf/base.yaml:trainer.max_epochs", 5), ("--total-timesteps", 500_000)),
        *(("time_limit_seconds", 60), ("MINUTES", 5), ("early_stopping_rounds", 50)),
        *(("transaction_cost", 0.001), ("spread", 0.01), ("initial_cash", 1e4), ("tax_rate", 0.2)),
        *(("risk_free_rate", 0.02), ("leverage", 2.0), ("days_per_year", 365), ("lot_size", 100)),
        *(("TAU_CIRCLE", 6.28319), ("EULER", 2.71828), ("MIB", 2**20), ("A100_FLOPS", 312e12)),
        *(("SQRT2", 1.41421), ("NEVER", 1e12), ("BYTES_PER_PARAM", 2), ("gpu_tflops", 82.6)),
        *(("seqLen", 128), ("--context-length", 512), ("max_position_embeddings", 512)),
        *(("n_ctx", 1024), ("lookback", 30), ("window_size", 10), ("max_tokens", 256)),
        *(("do_eval", True), ("--no-cuda", False), ("save_model", True), ("use_wandb", True)),
        *(("fast_dev_run", False), ("FP16", True), ("debug", False), ("tf32", True)),
        *(("num_points", 50), ("N_CITIES", 20), ("n_actions", 4), ("vocabSize", 32000)),
        *(("pad_token_id", 0), ("IGNORE_INDEX", -100), ("port", 8080), ("log_every", 10)),
        *(("save_interval", 100), ("--num-workers", 4), ("num_envs", 8), ("image_size", 224)),
        *(("sample_rate", 16000), ("test.batch_size", 100), ("val_loader.batch_size", 8)),
        *(("adam_eps", 1e-8), ("layer_norm_eps", 1e-5), ("epsilon", 0.1), ("PIXEL_MAX", 255.0)),
        *(("tp_size", 2), ("DP_DEGREE", 8), ("--dimension", 3), ("n_dims", 10)),
        *(("norm_pix_loss", False), ("--max-sample", 24), ("doc_cap", 10_000)),
        *(("k_w", 10), ("kernel_h", 4), ("repeat_num", 10), ("dim_pe_in", 512)),
        *(("c.json:zero_optimization.stage", 2), ("fp16.initial_scale_power", 16)),
        *(("reward_scale", 0.1), ("gravity", 9.8), ("max_episode_steps", 500), ("num_beams", 4)),
    ],
)
def test_what_defines_the_task_or_the_run_is_not_searched(name: str, value: Literal) -> None:
    inferred = infer(Evidence(name, value))
    assert inferred.range is None
    assert inferred.reason


@pytest.mark.parametrize(
    ("name", "value", "low", "high"),
    [
        ("MU", 0.95, 0.8, 0.99),
        ("momentum", 0.0, 0.0, 0.99),
        ("optim.betas[0]", 0.9, 0.8, 0.99),
        ("Config.beta2", 0.999, 0.9, 0.9999),
        ("--ema-decay", 0.999, 0.99, 0.9999),
        ("gamma", 0.99, 0.9, 0.999),
        ("gae_lambda", 0.95, 0.8, 1.0),
        ("Args.q_lambda", 0.65, 0.0, 1.0),
        ("DEGREE", 3, 1, 6),
        ("--dropnode_rate", 0.5, 0.0, 0.8),
        ("--input_droprate", 0.0, 0.0, 0.5),
        ("DROPOUT", 0.1, 0.0, 0.5),
        ("conf/base.yaml:model.dropout", 0, 0.0, 0.5),
        ("LABEL_SMOOTHING", 0.1, 0.0, 0.3),
        ("POOLING", 0.9, 0.5, 0.99),
        ("LR", 3e-4, 3e-5, 3e-3),
        ("--learning-rate", 0.1, 0.01, 1.0),
        ("learningRate", 0.3, 0.03, 1.0),
        ("weightDecay", 5e-4, 5e-5, 5e-3),
        ("CONFIG.weight_decay", 0.1, 0.0, 0.5),
        ("TEMPERATURE", 0.8, 0.2, 3.2),
        ("NUM_LAYERS", 6, 3, 12),
        ("LAYER_DECAY", 0.9, 0.5, 0.99),
        ("depth_decay", 0.75, 0.5, 1.0),
        ("HEAD_DROPOUT", 0.9, 0.5, 0.99),
        ("layer_dropout", 0.1, 0.0, 0.5),
        ("n_head", 8, 2, 16),
        ("WARMUP_STEPS", 100, 25, 400),
        ("warmup_ratio", 0.03, 0.0, 0.3),
        ("GRAD_ACCUM_STEPS", 4, 1, 16),
        ("grad_clip", 1.0, 0.1, 10.0),
        ("N_ESTIMATORS", 300, 75, 1200),
        ("DEVICE_BATCH_SIZE", 16, 4, 64),
        ("--batch-size", 64, 16, 256),
        ("HIDDEN", 1024, 256, 2048),
        ("clip_coef", 0.2, 0.05, 0.5),
        ("tau", 0.005, 0.0005, 0.05),
        ("buffer_size", 1_000_000, 100_000, 1_000_000),
        ("max_depth", 6, 3, 12),
        ("colsample_bytree", 0.8, 0.3, 1.0),
        ("C", 1.0, 0.01, 100.0),
        ("ent_coef", 0.0, 0.0, 0.05),
        ("a.yaml:net.layers[0]", 64, 16, 128),
        ("dropout_keep_prob", 0.8, 0.5, 1.0),
        ("ppo_clip", 0.2, 0.05, 0.5),
        ("c1", 2.0, 0.5, 8.0),
        ("xgb_eta", 0.1, 0.01, 1.0),
        ("temp_decay", 0.99, 0.9, 0.999),
        ("EMA_FAST", 12, 6, 24),
        ("rsi_oversold", 30, 5, 45),
        ("decay_rate", 0.96, 0.6, 0.996),
    ],
)
def test_what_decides_how_well_it_learns_is(
    name: str, value: Literal, low: float, high: float
) -> None:
    inferred = infer(Evidence(name, value))
    assert inferred.range
    assert (inferred.range.low, inferred.range.high) == (low, high)


@pytest.mark.parametrize(
    ("name", "value", "use", "low", "high"),
    [
        ("OMEGA", 0.1, "nn.Dropout(OMEGA)", 0.0, 0.5),
        ("OMEGA", 0.1, "layer(dropout=args.omega)", 0.0, 0.5),
        ("OMEGA", 3e-4, "AdamW(parameters, lr=config['omega'])", 3e-5, 3e-3),
        ("OMEGA", 0.95, "AdamW(parameters, betas=(0.9, OMEGA))", 0.9, 0.9999),
        ("OMEGA", 1.0, "clip_grad_norm_(parameters, OMEGA)", 0.1, 10.0),
        ("OMEGA", 0.5, "if random.random() < OMEGA: pass", 0.0, 1.0),
        ("epsilon", 0.1, "np.random.rand() < self.epsilon", 0.0, 1.0),
        ("OMEGA", 64, "Linear(4, OMEGA); Linear(OMEGA, 2)", 16, 256),
        ("gamma", 0.9, "ExponentialLR(optimizer, gamma=gamma)", 0.5, 0.99),
        ("gamma", 0.5, "StepLR(optimizer, 30, gamma)", 0.01, 0.9),
        ("alpha", 0.5, "nn.Dropout(alpha)", 0.0, 0.8),
    ],
)
def test_what_a_file_does_with_a_constant_tells_its_kind(
    name: str, value: Literal, use: str, low: float, high: float
) -> None:
    uses = uses_of(use)[words_of(name)]
    inferred = infer(Evidence(name, value, uses=uses))
    assert inferred.range
    assert (inferred.range.low, inferred.range.high) == (low, high)


@pytest.mark.parametrize(
    ("value", "use"),
    [
        (1, "torch.manual_seed(OMEGA)"),
        (3, "row[OMEGA]"),
        (3, "row[:, OMEGA]"),
        (300, "for step in range(OMEGA): pass"),
        (300, "for x in tqdm(range(1, args.omega + 1)): optimizer.step()"),
        (50, "if (step + 1) % OMEGA == 0: print(step)"),
        (60, "while time.time() - start < OMEGA: pass"),
        (0.3, "train_test_split(rows, test_size=OMEGA)"),
        (5, "KFold(OMEGA)"),
        (500, "make_moons(OMEGA, noise=0.1)"),
        (4, "DataLoader(rows, num_workers=OMEGA)"),
        (224, "transforms.Resize(OMEGA)"),
    ],
)
def test_what_a_file_does_with_a_constant_takes_it_out(value: Literal, use: str) -> None:
    inferred = infer(Evidence("OMEGA", value, uses=uses_of(use)["omega"]))
    assert inferred.range is None


def test_a_width_that_its_heads_divide_is_no_interval() -> None:
    uses = uses_of("if N_EMBD % N_HEAD == 0: pass").get("n_head", frozenset())
    assert infer(Evidence("N_HEAD", 8, uses=uses)).range


@pytest.mark.parametrize(
    ("name", "value", "text", "searched"),
    [
        ("OMEGA", 0.1, "dropout of the last layer", True),
        ("OMEGA", 10, "number of classes", False),
        ("LR", 0.1, "do not change: as in the paper", False),
        ("num_steps", 128, "steps of each rollout", True),
        ("num_steps", 128, "", False),
    ],
)
def test_a_comment_tells_what_a_name_does_not(
    name: str, value: Literal, text: str, searched: bool
) -> None:
    assert bool(infer(Evidence(name, value, text=text)).range) == searched


@pytest.mark.parametrize(("heads", "choices"), [(12, (2, 3, 4, 6, 12)), (6, (1, 2, 3, 6))])
def test_heads_stay_divisors_of_the_width(heads: int, choices: tuple[int, ...]) -> None:
    found = infer(Evidence("n_head", heads)).range
    width = infer(Evidence("n_embd", heads * 64)).range
    assert found and found.choices == choices
    assert width
    assert all(wide % few == 0 for wide, few in product(width.choices, choices))


def test_a_whole_number_by_its_type_is_no_share() -> None:
    assert infer(Evidence("aug_ratio", 0, stated_type="int")).range is None
    assert infer(Evidence("dropout", 0, stated_type="float")).range == Range(0.0, 0.5)


def test_stated_choices_of_an_optimiser_are_searched_and_those_of_a_data_set_are_not() -> None:
    choices = ("adam", "sgd")
    assert infer(Evidence("--optimizer", "adam", choices=choices)).range == Range(choices=choices)
    assert infer(Evidence("--dataset", "a", choices=("a", "b"))).range is None


@given(
    name=st.from_regex(r"[A-Za-z_.\[\]0-9-]{1,120}", fullmatch=True),
    value=st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    text=st.text(),
)
def test_any_name_and_value_gives_a_range_that_holds_the_value(
    name: str, value: Literal, text: str
) -> None:
    inferred = infer(Evidence(name, value, text=text))
    assert inferred.reason
    found = inferred.range
    if found and found.choices:
        assert value in found.choices
    elif found:
        assert isinstance(value, int | float)
        assert found.low <= value <= found.high
        assert found.low > 0 or not found.log
        assert parse_range(written(found))


@pytest.mark.parametrize("kind", [*EARLY, *LEARNING, *SIZES, *FORMS], ids=lambda kind: kind.reason)
def test_no_kind_fits_every_name(kind: Kind) -> None:
    assert not kind.pattern.search("")
    assert not kind.pattern.search("quokka_wombat")


def test_the_kinds_whose_names_need_another_word_are_kinds() -> None:
    kinds = (*EARLY, *LEARNING, *SIZES, *FORMS, *OTHERS)
    assert {kind.reason.partition(":")[0] for kind in kinds} >= COMMON


def test_names_that_people_write_are_told_apart() -> None:
    searched = [name for name, value in constants(FIXED) if infer(Evidence(name, value)).range]
    assert searched == []
    left = [name for name, value in constants(KNOBS) if infer(Evidence(name, value)).range is None]
    assert left == []


@pytest.mark.parametrize("spell", [str.lower, "Config.{}".format, "a/b.yaml:x.{}".format])
def test_the_spelling_of_a_name_makes_no_difference(spell: Callable[[str], str]) -> None:
    for text in (FIXED, KNOBS):
        for name, value in constants(text):
            plain = infer(Evidence(name, value))
            spelt = infer(Evidence(spell(name), value))
            # Only the well-known script's own names have the ranges that are known for it.
            assert name in KNOWN or plain == spelt, name


def test_a_switch_of_the_model_has_two_choices() -> None:
    inferred = infer(Evidence("USE_BIAS", True))
    assert inferred.range
    assert inferred.range.choices == (False, True)


@pytest.mark.parametrize(
    ("name", "value", "near"),
    [
        *(("STD", 0.3081, "mean"), ("NZ", 10, "nx"), ("W", 640, "h")),
        ("dirichlet_alpha", 0.5, "num_clients"),
    ],
)
def test_what_stands_beside_a_constant_takes_it_out(name: str, value: Literal, near: str) -> None:
    assert infer(Evidence(name, value, beside=frozenset({near}))).range is None


def test_a_name_that_says_nothing_is_a_guess_and_no_range() -> None:
    inferred = infer(Evidence("QUOKKA", 4.0))
    assert inferred.range is None
    assert inferred.guess == Range(1.0, 16.0, log=True)
    assert "state a range" in inferred.reason
