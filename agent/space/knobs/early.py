"""Knobs whose names also hold a word of what is fixed, such as warm-up steps: asked first."""

from agent.space.knobs.kind import Kind, at_end, kind, whole
from agent.space.knobs.shapes import (
    dropout,
    factor,
    first_of,
    fraction,
    near_one,
    power,
    share,
    whole_number,
    within,
)

_COUNT = whole_number(4)
_ROWS = first_of(power(4), _COUNT)
_PATCH = 32  # a larger one is cut out of an image
_RATIO = 0.3  # the largest usual clip of a ratio: a gradient's is larger

EARLY: tuple[Kind, ...] = (
    # Schedules
    kind(
        "warm_?up(_\\w+)?_?(ratio|frac|fraction|share|pct|percent|prop(ortion)?) pct_start",
        share(0.3),
        "the share of a warm-up",
    ),
    kind(
        "(warm_?down|cool_?down|decay|anneal)(_\\w+)?_?(ratio|frac|fraction|share|pct|percent)",
        share(1.0),
        "the share of a decay",
    ),
    kind("warm_?up_?epochs? epochs?_warm_?up", whole_number(4, 2), "epochs of warm-up"),
    kind(
        "warm_?up_?(init_?)?(lr|learning_rate)(_init)? (lr|learning_rate)_warm_?up_(init|start)",
        factor(10),
        "a learning rate: a tenth to ten times",
    ),
    Kind(
        at_end(
            """warm_?up(_?(steps?|iters?|iterations|updates?))? n_?warm_?up(_steps)? start_steps
            num_warm_?up(_steps)? learning_starts? random_steps burn_?in update_after
            start_time_?steps (cool_?down|warm_?down)_?(steps?|iters?|epochs?)
            explor(e|ation)_steps"""
        ),
        _COUNT,
        "the length of a warm-up: a quarter to four times",
    ),
    kind(
        "(lr|scheduler|plateau|reduce_lr|sched)_?patience patience_lr",
        whole_number(3, 2),
        "the patience of a learning-rate schedule",
    ),
    kind(
        "(lr|learning_rate|scheduler|sched)_?(decay_?)?(step|drop)(_?(size|epochs?|every))?",
        whole_number(2),
        "steps between drops of the learning rate: half to twice",
    ),
    # Optimisation
    kind(
        """(grad(ient)?s?_?)?accum(ulation|ulate)?(_?(steps?|iters?|batches|grad\\w*))? iter_size
        accumulate_grad_batches grad_acc(_steps)?""",
        _ROWS,
        "steps of gradient accumulation",
    ),
    kind("noise_clip", factor(4), "the clip of a noise: a quarter to four times"),
    kind(
        """(total|global|effective)_?(train_)?(batch|bs)(_?size)?\\w* batch_?size\\w* bs bsz mbs
        (train|device|local|per_device|per_gpu)_?(batch|bs)(_?size)? n_?batch
        (mini|micro)_?batch(_?size)?
        batch_(per_\\w+|train(ing)?|sz|len(gth)?|num|[a-z]{1,2}|rl|gpu|device)""",
        _ROWS,
        "a batch: a quarter to four times",
    ),
    Kind(at_end("batch"), _ROWS, "a batch: a quarter to four times"),
    kind("lazy_reg\\w*", _COUNT, "how often something is updated: a quarter to four times"),
    kind("(sim|std|var|cov|inv)_coeff?(icient)?", factor(10), "the weight of a term"),
    Kind(
        whole("clip"),
        lambda value: factor(4, 2.5)(value) if value <= _RATIO else None,
        "the clip of a policy's ratio: a quarter to two and a half times",
    ),
    kind(
        """(ppo_?)?clip_?(coef|range|eps(ilon)?|ratio|param)(_v\\w*)? (eps|epsilon)_?clip
        (vf|value|policy)_?clip(_param|_range)? ppo_eps(ilon)? cliprange(_value)?""",
        factor(4, 2.5),
        "the clip of a policy's ratio: a quarter to two and a half times",
    ),
    kind(
        """(max_?)?grad(ient)?s?_?(global_?)?norm(_?(clip|max))? max_(global_)?norm
        clip(ping)?_?(grad\\w*|norm|value|thresh(old)?) grad(ient)?s?_?clip(ping)?\\w*
        clip$""",
        factor(10),
        "a clip of the gradient: a tenth to ten times",
    ),
    kind(
        """lambda_gp gp_(weight|lambda|coef\\w*|scale) gradient_penalty(_\\w+)? r1_(gamma|weight)
        w_gp gp$""",
        factor(10),
        "the weight of a gradient penalty: a tenth to ten times",
    ),
    kind(
        "lambda_[a-z]\\w*(?<!_l1)(?<!_l2) lamb?d?a?_(cyc|id|adv|rec|feat|perc|kl|cls|gp|pixel)",
        first_of(near_one, factor(10)),
        "the weight of a term: a tenth to ten times",
    ),
    kind(
        "commit(ment)?_(cost|loss|weight|coef\\w*|beta)", factor(10), "the weight of a commitment"
    ),
    kind("message_passing_steps", whole_number(2), "rounds of message passing: half to twice"),
    kind("ns_(steps|iters) newton_schulz_\\w+", whole_number(2), "steps of an orthogonalisation"),
    # Reinforcement learning
    kind(
        """(target|tgt)_?(network_?|net_?|model_?|q_?)?(update|sync|replace)(?!_rate)(_?[a-z]+)?
        target_(network_)?(frequency|freq|interval) sync_(target|freq|every)\\w*
        update_target\\w* policy_delay train_each replace_target\\w*
        (train|policy|actor|critic|update|learn|d_reg|g_reg)_?(freq(uency)?|every|interval)
        ema_(update_)?(every|interval|freq)""",
        _COUNT,
        "how often something is updated: a quarter to four times",
    ),
    kind(
        """(update|ppo|k|policy|opt|inner|local|client)_?(epochs?|iters?|updates?)
        epochs_per_(update|iter\\w*|rollout|batch|step)
        critic_(iters?|steps|updates) n_?critic (d|disc|g|gen)_(steps|iters)
        inner_(steps|loops?) gradient_steps updates_per_step utd(_ratio)? adapt(ation)?_steps
        train_(pi|v)_iters
        (n|num)_(inner|critic|local|update|adaptation)_(steps|iters|updates|epochs)""",
        whole_number(4, 3),
        "inner updates: a quarter to three times",
    ),
    kind("(n|num)?_?mini_?batches nminibatches", _ROWS, "minibatches of an update"),
    kind(
        """rollout_?(len(gth)?|steps|fragment_length) (per|of_(a|each|the))_(policy_)?rollouts?
        unroll_(len(gth)?|steps) steps_per_rollout num_steps_per_env""",
        _ROWS,
        "the length of a rollout: a quarter to four times",
    ),
    kind(
        "target_?kl kl_target desired_kl max_kl delta_kl",
        factor(5),
        "a bound on divergence: a fifth to five times",
    ),
    kind(
        "(eps(ilon)?|exploration)_?(decay|anneal)\\w* decay_eps\\w*",
        first_of(near_one, factor(4)),
        "the decay of exploration",
    ),
    kind(
        """(eps(ilon)?|exploration)_?(end|final|min|stop)\\w*
        (end|final|min)_?(eps(ilon)?|exploration) (end|final|min)_e exploration_final_eps""",
        first_of(share(0.2), share(1.0)),
        "a share of random actions in the end",
    ),
    kind(
        """(eps(ilon)?|exploration)_?(start|init|initial|max)
        (start|initial|max)_?(eps(ilon)?|exploration) (start|initial|max)_e""",
        first_of(within(0.5, 1.0), share(1.0)),
        "a share of random actions at first",
    ),
    kind(
        """(eps(ilon)?|exploration)_?(greedy|fraction)\\w* exploration_(rate|prob\\w*)""",
        share(1.0),
        "a share of random actions",
    ),
    kind(
        """expl(oration)?_?(noise|std|sigma)
        (action|policy|target|act|actor|ou)_?(noise|sigma|std) target_policy_noise""",
        factor(10, cap=1.0),
        "the noise of an action: a tenth to ten times",
    ),
    kind(
        """(replay|buffer|memory|mem)_?(buffer_?|memory_?)?(size|capacity|len(gth)?|limit)
        max_?replay\\w* replay_?(mem|buffer)\\w*""",
        factor(10, 1),
        "a replay buffer: a tenth up to now, since memory bounds it",
    ),
    kind("n_?step_?returns? multi_?step n_step td_steps", whole_number(4, 3), "steps of a return"),
    # Trees
    kind("bagging_freq", whole_number(4, 4), "how often rows are drawn"),
    kind(
        "n_?estimators? num_?boost_?rounds? (num|n)_?trees ntree nrounds?",
        whole_number(4),
        "the number of trees: a quarter to four times",
    ),
    kind(
        "min_?data_?in_?leaf min_?child_?samples min_?(samples_?)?(in_)?leaf min_data_per_leaf",
        whole_number(5),
        "samples of a leaf: a fifth to five times",
    ),
    kind("min_?samples_?split", whole_number(4, 5, 2), "samples of a split"),
    kind("max_?features", share(1.0, 0.1), "a share of features"),
    kind("max_bins? n_?bins num_bins border_count", whole_number(4, 2, 2), "bins of a histogram"),
    kind(
        "num_?leaves max_leaves max_leaf_nodes",
        whole_number(4, 4, 2),
        "leaves of a tree: a quarter to four times",
    ),
    # Augmentation
    kind("re_?prob random_?eras\\w* erasing\\w*", share(0.5), "the probability of an augmentation"),
    Kind(
        at_end("(manifold_)?(mix_?up|cut_?mix)(_?(alpha|beta|p|prob|switch_prob))?"),
        fraction,
        "a mixing augmentation",
    ),
    kind("hue(_\\w+)?", share(0.5), "an augmentation's strength"),
    kind(
        "brightness contrast saturation colou?r_jitter\\w* aug\\w*_(strength|scale)",
        share(0.9),
        "an augmentation's strength",
    ),
    Kind(
        at_end(
            """[hv]_?flip (horizontal|vertical)_?flip
            (flip|fliplr|flipud|mosaic|copy_paste|gr[ae]y(scale)?|blur)
            (flip|mosaic|copy_paste|gr[ae]y(scale)?|blur|aug(ment(ation)?)?)_?(p|prob\\w*|rate)"""
        ),
        fraction,
        "the probability of an augmentation",
    ),
    kind(
        "(rand_?aug\\w*|aug\\w*|ra)_(m|mag|magnitude)", within(1, 15), "an augmentation's strength"
    ),
    kind("(rand_?aug\\w*|aug\\w*|ra)_(n|num_ops)", within(1, 4), "a number of augmentations"),
    kind("rotat(e|ion)(_\\w+)? degrees (max_)?angle", within(0, 45), "degrees of a rotation"),
    kind("cut_?out(_?(len(gth)?|size))?", whole_number(2), "the size of a cut-out: half to twice"),
    kind("(random_?)?(crop_?)padding pad_crop", whole_number(4, 2), "pixels of a random crop"),
    kind(
        """(time|freq(uency)?|spec|feature)_mask(ing)?_?(param|width|size|len|prob|ratio|num)?
        num_(time|freq)_masks mask_(time|feature|freq)_(prob|length)""",
        first_of(share(0.5), whole_number(3, 2)),
        "masks of an augmentation",
    ),
    # Models
    kind(
        """\\w*drop_?(out|path|connect|block|edge|node|token|layer)\\w* p_?drop
        \\w*drop(_?(rate|prob|p))?
        (attn|attention|resid|residual|embd|emb|ffn|hidden|classifier|fc|proj|cfg)_?(p|pdrop|drop)
        stochastic_depth\\w* layer_?drop cond_drop\\w* uncond_(p|prob) p_uncond word_dropout""",
        dropout,
        "a dropout",
    ),
    Kind(
        at_end("patch(_?(size|len))?"),
        lambda value: power(2, 2)(value) if value <= _PATCH else None,
        "the size of a patch: half to twice",
    ),
    kind("sh_degree", within(0, 3), "the degree of harmonics"),
    kind(
        "(n_|num_)?experts?_per_tok\\w* moe_top_?k top_?k_experts? num_active_experts",
        within(1, 8),
        "experts a token",
    ),
    kind(
        "(token|channel)s?_(mixing|mlp)_(dim|hidden)",
        first_of(power(4, 2, 8), whole_number(2)),
        "a width",
    ),
    kind("aspect_ratio", within(32, 128), "how wide a model is for its depth"),
    kind("(conv|out)_?ch(annels?)?_?\\d", first_of(power(4, 2), whole_number(2)), "a width"),
    kind(
        "(hidden|inner|mlp|ffn?|base|init(ial)?)_?(nodes|features|feats|neurons)",
        first_of(power(4, 2, 8), whole_number(2)),
        "a width",
    ),
    kind(
        "head_?dims? dim_?head head_?size d_(head|k|v|kv|qk) attention_head_dim size_per_head",
        power(2, 2, 16),
        "the width of a head: half to twice",
    ),
    kind(
        """sliding_window\\w* window_pattern attn_window (local|attention)_window(_size)?""",
        power(4, 2, 16),
        "the reach of local attention",
    ),
)
