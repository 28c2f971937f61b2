"""Knobs of a model's size and of classical models, with their ranges."""

from agent.space.knobs.kind import Kind, at_end, kind, whole
from agent.space.knobs.shapes import (
    Number,
    divisors,
    factor,
    first_of,
    flag,
    multiples,
    odd,
    power,
    share,
    whole_number,
    within,
    zero_up_to,
)
from agent.space.ranges import Range


def _power_width(value: Number) -> Range | None:
    """Return powers of two: wider by four for a narrow layer, by two for a wide one."""
    return power(4, 4 if value < 256 else 2, 8)(value)


_MANY_LAYERS = 128
_DEEP_TREE = 64
_LEAST_SHARE = 0.05  # of rows; a smaller one is a threshold
_WIDTH = first_of(_power_width, multiples, whole_number(2))


def _layers(value: Number) -> Range | None:
    """Return None for what is too many to be layers."""
    return whole_number(2)(value) if value < _MANY_LAYERS else None


def _tree_depth(value: Number) -> Range | None:
    """Return None for a depth in metres."""
    is_depth = isinstance(value, int) and value <= _DEEP_TREE
    return whole_number(2, 2)(value) if is_depth else None


SIZES: tuple[Kind, ...] = (
    # Trees and classical models
    kind("max_?depth tree_depth", _tree_depth, "the depth of a tree: half to twice"),
    kind(
        "min_?child_?weight min_sum_hessian\\w*",
        first_of(factor(10), zero_up_to(10.0)),
        "the least weight of a leaf: a tenth to ten times",
    ),
    kind(
        "sub_?sample\\w* bagging_?frac\\w* row_?sample\\w* max_?samples",
        lambda value: share(1.0, 0.4)(value) if value >= _LEAST_SHARE else None,
        "a share of rows",
    ),
    kind(
        "col_?sample\\w* feature_?frac\\w* rsm col_sample_rate\\w*",
        share(1.0, 0.3),
        "a share of columns",
    ),
    kind(
        "(min_?split_?(loss|gain)|min_gain_to_split|min_impurity_decrease)",
        first_of(zero_up_to(5.0), factor(10)),
        "the least gain of a split",
    ),
    kind(
        "scale_pos_weight pos_weight", factor(4), "the weight of a class: a quarter to four times"
    ),
    Kind(
        whole("c svm_c (reg_)?c_reg svc_c lr_c"),
        factor(100),
        "an inverse penalty: two decades each way",
    ),
    kind(
        "n_?neighbou?rs k_?neighbou?rs knn(_k)? (k|n)_?nn",
        whole_number(5, 4),
        "a number of neighbours",
    ),
    kind("n_?components num_components", whole_number(4, 2), "a number of components"),
    # Sizes of models
    kind(
        "(n|num)?_?(kv|query|key_value)_?(heads?|groups)",
        first_of(power(4, 2), divisors),
        "heads that divide the width",
    ),
    Kind(
        at_end(
            """n?_?(num_?)?(attn_?|attention_?)?heads?(_(enc|dec|encoder|decoder|kv|q|per_layer))?
            nheads? n_?hd"""
        ),
        first_of(power(4, 2), divisors),
        "heads that divide the width",
    ),
    kind(
        """(mlp|ffn?|feed_?forward|expansion|expand|widen(ing)?|dim|channel|ch)_?(ratio|mult(iplier)?|factor|expansion|exp)
        expand expansion growth_factor""",
        first_of(within(1, 8), factor(2)),
        "how much wider a layer is",
    ),
    Kind(
        at_end("(lora_?)?(rank|r) lora_(dim|rank)"),
        first_of(power(4), whole_number(2)),
        "a rank: a quarter to four times",
    ),
    kind("lora_alpha", first_of(power(4), factor(4)), "the scale of an adapter"),
    Kind(
        at_end(
            """(n|num)?_?(hidden_|encoder_|decoder_|enc_|dec_|conv_|gnn_|gcn_|lstm_|rnn_|transformer_|mlp_|fc_|res_?)*(layers?|blocks?)(_num)?
            (n|num)_?layers? depths? n_?lay(er)?s? nlayers? stages?
            (encoder|decoder|enc|dec)_?depth"""
        ),
        _layers,
        "a number of layers: half to twice",
    ),
    kind("d_conv conv_(width|size)", power(2, 1, 2), "a short convolution: up to now"),
    kind("use_\\w+ with_\\w+", flag, "a switch"),
    kind(
        "kernel(_?(sizes?|width|sz))? conv_?kernel\\w* ksize ks filter_size",
        odd,
        "an odd size of a kernel",
    ),
    kind("(n|num)?_?experts?", power(4, 2, 2), "a number of experts"),
    kind(
        """(moe_?|expert_?|experts_per_tok\\w*)_?(top_?k|active)? experts_per_tok(en)?
        num_experts_per_tok""",
        within(1, 8),
        "experts a token",
    ),
    kind("growth_?rate", whole_number(2), "the growth of a dense block: half to twice"),
    kind(
        "(z|latent|noise|code)_?(dim|size|channels)s? nz n_?latent latent n_z z",
        _WIDTH,
        "a latent width",
    ),
    Kind(
        at_end(
            """(n|num)?_?(hidden|units|filters|channels?|hiddens|kernels|neurons|features_map)s?
            ngf ndf nf
            (hidden|embed(ding)?|emb|model|inner|intermediate|mlp|ffn?|fc|rnn|lstm|gru|base|attn|proj(ection)?|conv|bottleneck|n)_?(size|dims?|units|width|channels?|features|ch|embd?|nodes|layer_size)s?
            d_?(model|ff|ffn|mlp|inner|hidden|state|conv|emb|embed) nhid
            n_?(embd?|embed|inner|hidden|hid) dim_(ff|feed_?forward) emsize ninp
            width units bottleneck
            (model|hidden|channel)s?_?(width|dim) hid(_dim)?"""
        ),
        _WIDTH,
        "a width",
    ),
    Kind(whole("(dense|fc|conv|linear|hidden)_?\\d"), _WIDTH, "a width"),
    Kind(at_end("dims?"), first_of(_power_width, multiples), "a width"),
    kind(
        "codebook_size num_codes n_codes codebook n_embed",
        power(4, 4, 16),
        "a codebook: a quarter to four times",
    ),
    kind(
        "width_?mult\\w* depth_?mult\\w* widen_factor",
        factor(2),
        "a multiplier of a model: half to twice",
    ),
    kind("rope_?(base|theta)", factor(10), "the base of a rotary embedding: a tenth to ten times"),
    kind("soft_?cap\\w* logit_?cap\\w*", factor(4), "a soft cap: a quarter to four times"),
    kind(
        "(n|num)_?groups groups$ group_norm\\w*",
        lambda value: first_of(power(4, 2), divisors)(value) if value > 1 else None,
        "a number of groups that divides a width",
    ),
    kind(
        """(num|n)_?(negatives?|centroids|particles|candidates|mixtures?|atoms|quantiles|critics|hops?)""",
        whole_number(2),
        "a count of the method: half to twice",
    ),
)
