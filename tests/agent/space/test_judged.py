"""Ranges on scripts written for the purpose, judged as an expert: what was wrong stays mended."""

import pytest

from agent.edit.literal import Literal
from agent.space.infer import infer
from agent.space.knobs.evidence import Evidence

NONE = frozenset[str]()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("LABEL_FRAC", 0.1), ("labels_ratio", 0.01), ("reward_clip", 1.0), ("COOLDOWN", 5)),
        *(("MIN_ACTION_STD", 0.1), ("RHO", 7), ("batch_time", 5), ("batch_id", 3)),
        *(("dropout_rate_students", 0.1), ("momentum_people", 0.9), ("Q_WEIGHT", 10.0)),
        *(("r_cost", 0.1), ("kalman.q", 0.01), ("channels", 7), ("n_dims", 30), ("mu", 0.01)),
        *(("path_batch_shrink", 2), ("reg_max", 16), ("sw_batch", 4), ("patch_size", 128)),
        *(("lrate_decay", 250), ("lr_decay", 30), ("jitter", 1e-6), ("knn_t", 0.07)),
        *(("group_size", 128), ("mask_channels", 8), ("clip_max", 5.0)),
        *(("groups", 1), ("rank_loss_bins", 8)),
        *(("seed_len", 16), ("epoch_size", 1000), ("max_tokens", 512), ("fee_mult", 1.5)),
        *(("test_lr", 0.1), ("window", 7), ("K", 8), ("T", 1000), ("eps", 0.1)),
    ],
)
def test_what_an_expert_struck_out_is_not_searched(name: str, value: Literal) -> None:
    assert infer(Evidence(name, value)).range is None


@pytest.mark.parametrize(
    ("name", "value", "beside"),
    [
        ("temperature", 0.7, {"top_p", "max_new_tokens"}),
        ("noise_scale", 0.667, {"noise_scale_w", "n_speakers"}),
        ("length_scale", 1.0, {"noise_scale_w"}),
        ("knn_k", 200, {"knn_t"}),
        ("ALPHA", 0.05, {"n_bootstrap", "power"}),
        ("R", 4, {"k", "n"}),
        ("C", 64, {"h", "w"}),
        ("units", 100, {"price", "demand", "week"}),
        ("layers", 3, {"flour", "sugar", "oven"}),
        ("depth", 12, {"pressure", "salinity", "station"}),
    ],
)
def test_what_is_beside_a_name_of_two_meanings_tells(
    name: str, value: Literal, beside: set[str]
) -> None:
    assert infer(Evidence(name, value)).range, "alone it may be a knob"
    assert infer(Evidence(name, value, beside=frozenset(beside))).range is None


@pytest.mark.parametrize(
    ("name", "value", "beside", "low", "high"),
    [
        ("clip", 0.2, NONE, 0.05, 0.5),
        ("clip", 1.0, NONE, 0.1, 10.0),
        ("layer_decay", 0.75, NONE, 0.5, 1.0),
        ("moving_avg", 25, NONE, 12, 50),
        ("lazy_reg", 16, NONE, 4, 64),
        ("std_coeff", 25.0, NONE, 2.5, 250.0),
        ("init_kl_coef", 0.2, NONE, 0.02, 2.0),
        ("momentum_decay", 0.004, NONE, 0.0004, 0.04),
        ("ema_start", 1000, NONE, 250, 4000),
        ("n_inner", 3072, NONE, 1536, 6144),
        ("sh_degree", 3, NONE, 0, 3),
        ("patch_size", 16, NONE, 8, 32),
        ("momentum", 0.1, NONE, 0.001, 0.5),
        ("momentum", 0.9, NONE, 0.8, 0.99),
        ("rank_loss_weight", 1.0, NONE, 0.1, 10.0),
        ("batch_sz", 64, NONE, 16, 256),
        ("train_batch", 64, NONE, 16, 256),
        ("warmup", 100, frozenset({"lr"}), 25, 400),
        ("units", 64, frozenset({"lr", "epochs", "price"}), 16, 256),
        ("dim", 64, frozenset({"heads", "depth", "dropout"}), 16, 256),
        ("r", 8, frozenset({"lora_alpha", "bias"}), 2, 32),
        ("alpha", 0.05, frozenset({"gamma", "epsilon"}), 0.005, 0.5),
        ("C", 10, frozenset({"kernel"}), 0.1, 1000),
    ],
)
def test_what_an_expert_would_search_is_searched(
    name: str, value: Literal, beside: frozenset[str], low: float, high: float
) -> None:
    inferred = infer(Evidence(name, value, beside=beside))
    assert inferred.range, inferred.reason
    choices = inferred.range.choices or (inferred.range.low, inferred.range.high)
    assert (choices[0], choices[-1]) == (low, high), inferred.reason
