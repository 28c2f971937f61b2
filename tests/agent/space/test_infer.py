"""Which constants are searched without a stated range, and within which bounds."""

import pytest

from agent.edit.literal import Literal
from agent.space.infer import infer
from agent.space.knobs.evidence import Evidence


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
        ("DROPOUT", 0.1, 0.0, 0.5),
        ("conf/base.yaml:model.dropout", 0, 0.0, 0.5),
        ("LABEL_SMOOTHING", 0.1, 0.0, 0.3),
        ("POOLING", 0.9, 0.5, 1.0),
        ("LR", 3e-4, 3e-5, 3e-3),
        ("--learning-rate", 0.1, 0.01, 1.0),
        ("learningRate", 0.3, 0.03, 1.0),
        ("weightDecay", 5e-4, 5e-5, 5e-3),
        ("CONFIG.weight_decay", 0.1, 0.0, 0.5),
        ("TEMPERATURE", 0.8, 0.2, 3.2),
        ("NUM_LAYERS", 6, 3, 12),
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
    ],
)
def test_what_decides_how_well_it_learns_is(
    name: str, value: Literal, low: float, high: float
) -> None:
    inferred = infer(Evidence(name, value))
    assert inferred.range
    assert (inferred.range.low, inferred.range.high) == (low, high)


def test_a_switch_of_the_model_has_two_choices() -> None:
    inferred = infer(Evidence("USE_BIAS", True))
    assert inferred.range
    assert inferred.range.choices == (False, True)
