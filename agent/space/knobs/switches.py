"""Switches: which booleans belong to the model or its training, and which to the run."""

from agent.space.knobs.kind import anywhere

_MODEL = anywhere(
    """bias\\w* use_bias qkv_bias norm(_\\w+)? \\w*norm (batch|layer|group|weight|spectral)_?norm
    pre_?norm post_?norm nesterov amsgrad adamw? muon tie\\w* tied\\w* share_\\w+ shared\\w* rotary
    rope alibi swiglu geglu glu gated gating gate residual\\w* res skip_connections? bidirectional
    bidir ema use_ema swa augment\\w* augmentation aug mix_?up cut_?mix \\w*flip\\w* dueling ddqn
    double_d?qn? prioriti[sz]ed per noisy anneal\\w* annealing decay\\w* weight_decay clip_v\\w*
    clip\\w* (norm|normali[sz]e)_(adv\\w*|gate\\w*) layer_?scale cosine warm_?up\\w* oversampl\\w*
    class_weights? balanced attention attn dropout\\w* squeeze_excitation se use_se pool\\w*
    qk_norm value_embed\\w* softcap\\w* zero_init\\w* orthogonal\\w* init_\\w+ label_smooth\\w*
    smooth\\w* centered wd cautious\\w* scale_\\w+ (learn|learned|learnable|trainable)_\\w+
    sinusoidal relative\\w* causal_conv gnorm self_loops? jumping_knowledge jk learn_sigma
    auto(tune|_entropy\\w*|_alpha) automatic_entropy\\w* sde use_sde gsde lr_sched\\w* use_lr\\w*
    cosine_\\w+ center_crop_no stochastic_depth ls head_mask bn ln rms_?norm sn conv\\d?d? lstm gru
    transformer relu gelu silu mish swish momentum lr_schedule\\w* scheduler
    pos(itional)?_(emb|enc)\\w* highway look_?ahead sam lion adam sgd focal regulari[sz]\\w*
    l[12] entropy\\w* gae huber curriculum\\w* fourier\\w* moe embed\\w* hierarchical
    recurrent gumbel batch_?norm bilinear depthwise separable dilat\\w* film kan
    use_[a-z]"""
)
UNKNOWN = "a switch whose name does not say that it is part of the model: state a range"
_NEVER = anywhere(
    """data(set)? datasets subset swanlab slurm aim neptune clearml csv json hdf5 lmdb ram dali ray
    webdataset tensorrt onnx horovod multi_?process\\w* small tiny full all \\w*_loss return\\w*"""
)


def why_no_switch(words: str) -> str | None:
    """Return why a boolean of this name is not searched, or None."""
    if _NEVER.search(words):
        return UNKNOWN
    if _MODEL.search(words):
        return None
    return UNKNOWN
