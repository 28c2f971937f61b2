"""Knobs of optimisation, regularisation and reinforcement learning, with their ranges."""

from agent.space.knobs.kind import Kind, at_end, kind, whole
from agent.space.knobs.shapes import (
    Number,
    factor,
    first_of,
    fraction,
    near_one,
    share,
    whole_number,
    within,
    zero_up_to,
)
from agent.space.ranges import Range

_TENFOLD = factor(10)
_FAST = 10
_SMALL_MOMENTUM = 0.2  # no optimizer has one
_HOT = 200  # no softmax has such a temperature; a logit scale is 100


def _learning_rate(value: Number) -> Range | None:
    """Return None for what counts steps of its schedule."""
    if value > _FAST:
        return None
    return factor(10, cap=max(1.0, 3 * value))(value)


def _step(value: Number) -> Range | None:
    return whole_number(2)(value) if isinstance(value, int) else factor(10, cap=1.0)(value)


def _average(value: Number) -> Range | None:
    return factor(10, cap=1.0)(value) if value <= 1 else whole_number(2)(value)


def _below_one(value: Number) -> Range | None:
    return factor(5, cap=1.0)(value) if value < 1 else None


def _first_moment(value: Number) -> Range | None:
    """Return the range of a beta1; a tiny one belongs to a schedule of noise."""
    if 0 < value < 0.05:
        return factor(5)(value)
    return first_of(within(0.8, 0.99), within(0.0, 0.99))(value)


def _probability(value: Number) -> Range | None:
    """Return the range of a probability: by factors for a small one."""
    return factor(10, cap=1.0)(value) if 0 < value < 0.02 else fraction(value)


def _alpha(value: Number) -> Range | None:
    """Return the range of a weight, which stays below one if it is a decay, or up to one."""
    if value < 1:
        return near_one(value) if value >= 0.95 else factor(10, cap=1.0)(value)
    return factor(10)(value)


def _tau(value: Number) -> Range | None:
    """Return the range of a rate or a temperature; a count goes by this name as well."""
    if value <= 1:
        return factor(10, cap=1.0)(value)
    return None if isinstance(value, int) else factor(4)(value)


def _temperature(value: Number) -> Range | None:
    """Return None for the temperature of a thing."""
    if value >= _HOT:
        return None
    return factor(10, cap=1.0)(value) if value < 0.5 else factor(4)(value)


def _mutation(value: Number) -> Range | None:
    """Return the range of a rate of mutation: by factors for a small one."""
    return factor(10, cap=1.0)(value) if 0 < value < 0.02 else share(0.5)(value)


def _decay(value: Number) -> Range | None:
    """Return the range of a weight decay: linear for AdamW's large ones, else by factors."""
    if value == 0:
        return Range(0.0, 0.1)
    return Range(0.0, 0.5) if 0.05 <= value <= 0.5 else factor(10, cap=1.0)(value)


LEARNING: tuple[Kind, ...] = (
    # Learning rates and schedules
    kind(
        "(layer|depth|block)s?_?(wise_?)?(lr_?)?decay",
        first_of(near_one, share(1.0, 0.5), within(0.01, 0.9)),
        "the factor of a learning-rate decay",
    ),
    kind(
        """(lr|lrate|learning_?rate)_(step_?)?(decay|gamma|factor|drop)(_(rate|factor))? lrd
        gamma_lr (lr_)?sched(uler)?_(gamma|factor|decay_rate)""",
        first_of(near_one, within(0.01, 0.9), within(0.5, 1.0)),
        "the factor of a learning-rate decay",
    ),
    kind(
        """(final|end|min)_(lr|learning_rate)_?(frac|ratio|factor|fraction|scale)
        (lr|learning_rate)_(min|end|final)_?(frac|ratio|factor|fraction)
        (min|final)_(frac|ratio)_lr (lr_)?(final|end)_(frac|ratio|factor)""",
        share(0.2),
        "the share of the learning rate that is left at the end",
    ),
    kind(
        "(lr|learning_rate)_?(mult?(iplier)?|ratio|scale|coef)\\w* layer_?wise_lr\\w* llrd",
        first_of(near_one, _TENFOLD),
        "a factor on a learning rate",
    ),
    kind(
        "b?lr lrs lrate learn(ing)?_?rates? (lr|eta)_(min|max) eta_min base_lr lr[gd] [gd]_lr",
        _learning_rate,
        "a learning rate: a tenth to ten times, as factors",
    ),
    Kind(
        whole("eta step_?size alpha_lr inner_lr outer_lr"),
        _step,
        "a step size",
    ),
    # Moments and averages
    kind(
        "(adam_?|adamw_?)?(beta|betas|b)_?2 betas_1 beta_two adam_?b_?2",
        first_of(within(0.9, 0.9999), within(0.5, 0.9999), near_one),
        "the decay of a second moment: near one",
    ),
    kind(
        "(adam_?|adamw_?)?(beta|betas|b)_?1 betas_0 beta_one adam_?b_?1",
        _first_moment,
        "the decay of a first moment",
    ),
    kind("(bn|batch_?norm|norm)_?momentum", share(0.5, 0.001), "the momentum of a normalisation"),
    kind("momentum_decay", factor(10, cap=1.0), "the decay of a momentum: a tenth to ten times"),
    kind(
        "(router|gate|moe|switch|expert)_jitter\\w*",
        factor(10, cap=1.0),
        "the size of a noise: a tenth to ten times",
    ),
    Kind(
        whole("momentum"),
        lambda value: share(0.5, 0.001)(value) if 0 < value <= _SMALL_MOMENTUM else None,
        "the momentum of a normalisation",
    ),
    kind(
        "momentum mom momentums sgd_momentum",
        first_of(within(0.8, 0.99), within(0.0, 0.99), near_one),
        "a momentum: below one",
    ),
    kind(
        "mu",
        first_of(within(0.8, 0.99), within(0.5, 0.99), near_one),
        "a momentum: below one",
    ),
    kind(
        "ema_(start|begin|after|delay)\\w*",
        whole_number(4),
        "the length of a warm-up: a quarter to four times",
    ),
    kind(
        "ema moving_av\\w*",
        lambda value: whole_number(2)(value) if value > 1 else None,
        "the window of an average: half to twice",
    ),
    kind(
        "ema\\w* \\w+_ema moving_av\\w* polyak averaging ma_decay swa_decay avg_decay",
        first_of(near_one, _average),
        "the decay of an average: by its distance to one",
    ),
    kind("swa_start", share(1.0), "a share"),
    kind(
        "mlm_prob\\w* mask(ing)?_?(ratio|rate|prob|frac\\w*|p)",
        share(0.95, 0.05),
        "a share that is masked",
    ),
    kind(
        "gae_?(lambda|lam|tau)?  (gae|td|q|v|retrace|returns?)_?(lambda|lam) trace_decay",
        first_of(within(0.8, 1.0), share(1.0)),
        "the mix of returns",
    ),
    # Regularisation
    Kind(
        at_end("(?<!target_)(label_?)?smoothing(_?(factor|eps(ilon)?))? smooth_eps label_smooth"),
        share(0.3),
        "a label smoothing",
    ),
    kind(
        "(dropout|drop)_?keep\\w* keep_?(prob|rate|p)\\w*", share(1.0, 0.5), "a share that is kept"
    ),
    kind("weight_?decay\\w* wd \\w+_wd decay_weight l2_?decay", _decay, "a weight decay"),
    kind("l1_?ratio", share(1.0), "the mix of two penalties"),
    kind(
        "reg_(alpha|lambda) lambda_l[12] l2_leaf_reg alpha_reg lambda_reg",
        first_of(zero_up_to(10.0), factor(10)),
        "the weight of a penalty: a tenth to ten times",
    ),
    kind(
        """(reg(?!_max)|lambda|l2|l1|reg_?lambda|reg_?alpha)_?(l1|l2|alpha|lambda|leaf_reg|coef\\w*|reg)?
        l2_leaf_reg (kernel|weight|bias|activity)_regularizer regulari[sz]ation\\w* ridge lasso
        lambda_?(l1|l2|reg)""",
        first_of(zero_up_to(0.1), near_one, factor(10)),
        "the weight of a term or penalty: a tenth to ten times",
    ),
    # Reinforcement learning
    kind(
        "discount(_?(factor|rate))? \\w*gammas? reward_discount",
        near_one,
        "a discount: by its distance to one",
    ),
    kind("discount(_?(factor|rate))?", share(0.99, 0.01), "a discount: below one"),
    kind("\\w*gammas?", first_of(share(1.0, 0.01), factor(4)), "a factor, or the power of a loss"),
    kind("(lam|lambda|lmbda|lamda)", first_of(within(0.8, 1.0), factor(10)), "a weight or a mix"),
    kind(
        "ent(ropy)?_?(coef\\w*|weight|beta|bonus|reg\\w*|cost|c) c_?ent\\w* entropy",
        first_of(zero_up_to(0.05), factor(10, cap=1.0)),
        "the weight of an entropy",
    ),
    kind(
        "(vf|value|v|critic|baseline)_?(loss_?)?(coef\\w*|weight|cost)",
        factor(4),
        "the weight of a value loss: a quarter to four times",
    ),
    kind(
        "tau target_smoothing\\w* soft_tau soft_update\\w* target_tau",
        first_of(near_one, _tau),
        "the rate of a target network, or a temperature",
    ),
    kind(
        "(per|priority|prioriti[sz]ed\\w*)_?(alpha|beta|exponent)\\w*",
        share(1.0),
        "a priority exponent",
    ),
    # Temperatures and noise
    kind(
        """(init_?)?temp(erature)?s? t_temp\\w* (kd|distill\\w*|student|teacher)_(t|temp)
        logit_scale""",
        _temperature,
        "a temperature",
    ),
    kind(
        """(init(?!_?(dim|size|ch|width|hidden|feat|filters|kl|coef|beta))|initiali[sz]er)_?(std|range|scale|gain|stddev|sigma|val\\w*)?
        (embed|weight|w|param)_(std|init|scale) std sigma stddev""",
        lambda value: None if isinstance(value, int) and value > 1 else factor(5)(value),
        "a spread: a fifth to five times",
    ),
    kind("noise_(min|max)", share(1.0), "a share of noise"),
    Kind(
        at_end("noise(_?(std|level|scale|multiplier|sigma|factor|alpha))? gaussian_noise"),
        first_of(zero_up_to(0.2), factor(5)),
        "the size of a noise: a fifth to five times",
    ),
    kind(
        "beta_(start|end|min|max)",
        factor(5, cap=50.0),
        "the end of a noise schedule: a fifth to five times",
    ),
)
# Names that say only a form: asked last.
FORMS: tuple[Kind, ...] = (
    kind(
        "(focal_?)?alpha",
        _alpha,
        "a weight: a tenth to ten times",
    ),
    kind(
        "beta",
        first_of(
            near_one, lambda value: factor(10, cap=1.0)(value) if value < 1 else factor(10)(value)
        ),
        "a weight or a decay",
    ),
    kind("rho", first_of(near_one, _below_one), "a radius or a decay"),
    kind(
        """\\w*(coef(f|ficient)?s?) \\w*weight(ing)?s? (w|lambda|lam)_\\w+ \\w+_(w|lambda|lam)
        z_loss aux_loss\\w* \\w+_loss$""",
        first_of(zero_up_to(0.3), factor(10)),
        "the weight of a term: a tenth to ten times",
    ),
    Kind(
        whole("p"),
        lambda value: fraction(value) if value < 1 else None,
        "a probability",
    ),
    kind("\\w*mutation_?(rate|prob\\w*)", _mutation, "a rate of mutation"),
    kind(
        """prob(abilit(y|ies))? p_\\w+ \\w+_(p|prob)
        (mutation|crossover|corruption|masking|replace)_?(rate|prob|ratio|p|frac\\w*)""",
        _probability,
        "a probability",
    ),
    kind(
        "(?<=[a-z0-9]_)(ratio|frac|fraction|percent\\w*|share|proportion|sparsity)",
        fraction,
        "a share",
    ),
    kind(
        "population(_size)? pop_?size popsize num_parents elite\\w*",
        whole_number(2),
        "a population: half to twice",
    ),
    Kind(
        at_end("(fast|slow|short|long|signal|rsi|ema|sma|atr|ma|macd)_(period|window|span|len)"),
        whole_number(2),
        "a period of a strategy: half to twice",
    ),
)
