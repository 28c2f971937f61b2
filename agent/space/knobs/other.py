"""Knobs of schedules, of strategies and of search without gradients, with their ranges."""

from agent.space.knobs.kind import Kind, at_end, kind, whole
from agent.space.knobs.shapes import (
    Number,
    factor,
    first_of,
    fraction,
    near_one,
    power,
    share,
    whole_number,
    within,
)
from agent.space.ranges import Range


def _level(value: Number) -> Range | None:
    """Return the half of an oscillator's 0 to 100 in which a level lies."""
    return first_of(within(5, 45), within(55, 95))(value)


def _layer(value: Number) -> Range | None:
    """Return the range of a layer's width in a list of widths; few are a number of layers."""
    return power(4, 2, 8)(value) or whole_number(2)(value) if value >= _NARROW else None


_NARROW = 16
_MANY = 128
_PERIODS = "fast|slow|short|long|signal|rsi|ema|sma|ma|atr|macd|bb|boll\\w*|momentum|mom|vol|trend"

# Asked first: their names hold words of what is fixed.
EARLY_OTHERS: tuple[Kind, ...] = (
    kind("(l1|l2|weight|ridge|lasso)_penalty", factor(10), "the weight of a penalty"),
    kind("(dropout_)?keep_?(prob\\w*|rate|p)", share(1.0, 0.5), "a share that is kept"),
    kind("explore_(start|stop|end|min)", share(1.0), "a share of random actions"),
    kind("(zoom|shear|(width|height)_shift)(_range)?", share(0.5), "an augmentation's strength"),
    kind("free_bits", factor(4), "a floor of a divergence: a quarter to four times"),
    kind(
        "temp(erature)?_(decay|anneal\\w*) cooling(_(rate|factor))? cool_rate",
        near_one,
        "the decay of a temperature",
    ),
    Kind(
        at_end(
            f"({_PERIODS}|breakout|entry|exit|channel|donchian)_(window|period|span|len(gth)?|days)"
            " (sma|ema|ma|macd)_(fast|slow|short|long|signal) (fast|slow|short|long)_(ma|sma|ema)"
        ),
        whole_number(2),
        "a period of a strategy: half to twice",
    ),
    Kind(
        whole("buffer memory"),
        factor(10, 1),
        "a replay buffer: a tenth up to now, since memory bounds it",
    ),
    kind(
        "(e|ppo)_clip clip_e(ps)? ratio_clip",
        factor(4, 2.5),
        "the clip of a policy's ratio: a quarter to two and a half times",
    ),
    Kind(
        at_end("(layers|net_arch|hidden_(sizes|layers|dims|units)|mlp|channels)_\\d"),
        _layer,
        "a width",
    ),
    kind("(mu_?prox|prox(imal)?_mu|prox(imal)?_(term|weight))", factor(10), "a pull to the start"),
    kind("hsv_[hsv] translate", share(0.9), "an augmentation's strength"),
    kind(
        "stop_?loss\\w* take_?profit\\w* trailing_stop\\w*",
        factor(3, cap=1.0),
        "a rule of a strategy: a third to three times",
    ),
    kind("rsi_(low|high|buy|sell|lower|upper)\\w* oversold overbought", _level, "a level"),
    kind(
        """(entry|exit|open|close|buy|sell)_(z(_?score)?|thresh(old)?|level)
        z_(entry|exit) z(_?score)?_threshold
        (atr|boll\\w*|bb|band|stop)_(mult\\w*|k|std|width|dev\\w*)""",
        factor(3),
        "a rule of a strategy: a third to three times",
    ),
)
# By names that say what the knob is, beside those of learning.py and sizes.py.
OTHERS: tuple[Kind, ...] = (
    Kind(
        whole("(exp(onential)?_)?decay(_(rate|factor))?"),
        first_of(near_one, factor(10, cap=1.0)),
        "a decay",
    ),
    kind("poly(nomial)?_power power_t", factor(2), "the power of a schedule: half to twice"),
    kind("(final_)?div_factor lrf", factor(10), "a factor of a schedule: a tenth to ten times"),
    kind("cosine_cycles (n|num)_cycles cycle_mult t_mult t_0", whole_number(2), "a cycle"),
    Kind(whole("wt?_?decay"), factor(10, cap=1.0), "a weight decay"),
    Kind(whole("shrinkage (xgb|gbm?|lgbm?)_eta"), factor(10, cap=1.0), "a learning rate of trees"),
    Kind(whole("c_?[12]"), factor(4), "a coefficient: a quarter to four times"),
    kind("(pca|svd|nmf|ica|pls)_(components|k)", whole_number(4, 2), "a number of components"),
    kind("(negative|leaky\\w*|relu)_slope", factor(4, cap=1.0), "the slope of an activation"),
    kind("capacity_factor", factor(2), "room of an expert: half to twice"),
    Kind(at_end("length_?scales?"), factor(10), "a length scale: a tenth to ten times"),
    Kind(whole("pooling"), near_one, "a share that is pooled: it stays below one"),
    kind("(triplet_|hinge_|contrastive_)?margin", factor(4), "a margin"),
    kind("(aug_)?jitter", factor(4, cap=1.0), "an augmentation's strength"),
    kind(
        "(qk|attn|logit|residual|res|skip|output|embed\\w*|branch)_scale",
        factor(4),
        "a scale of a layer: a quarter to four times",
    ),
    kind(
        "registers? negatives (n|num)_inner",
        lambda value: whole_number(2)(value) if value < _MANY else None,
        "a count: half to twice",
    ),
    kind("degree", whole_number(2), "a degree: half to twice"),
    kind("(n_)?trees", whole_number(4), "the number of trees: a quarter to four times"),
    # Search without gradients
    kind(
        "c_?puct ucb(_c(onst\\w*)?)? exploration_(const\\w*|weight|c|coef\\w*) explore_(rate|c)",
        factor(4),
        "the weight of exploration: a quarter to four times",
    ),
    kind("ou_theta", factor(4), "the pull of a noise: a quarter to four times"),
    kind("tourn(ament)?_?(size|k)", whole_number(2, 2, 2), "the size of a tournament"),
    kind("(mut|cx)pb mut_(rate|prob)", fraction, "the probability of a change"),
    kind("inertia(_weight)? w_inertia", share(1.0), "the inertia of a swarm"),
    kind("cognitive\\w* social\\w*", factor(2), "a pull of a swarm: half to twice"),
    kind("evap\\w* pheromone_decay", share(1.0), "a rate of evaporation"),
    kind("tabu_(tenure|size|len\\w*)", whole_number(2), "the length of a tabu list"),
    kind("(perturb\\w*|mutation)_(std|scale|size|strength)", factor(5), "the size of a step"),
)
