"""Words that tell a knob from a quantity of the same form: a `kl_weight` from a `body_weight`."""

from agent.space.knobs.evidence import Evidence
from agent.space.knobs.kind import whole
from agent.space.knobs.said import speaks_of_learning
from agent.space.uses import PROBABILITY


def words_in(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


# Reasons of kinds that any field has: a weight, a probability, layers, a temperature.
COMMON = frozenset(
    {
        *("the weight of a term", "a weight", "a weight or a decay", "a weight or a mix"),
        *("the weight of a term or penalty", "a probability", "a share", "a spread"),
        *("a temperature", "a number of layers", "a width", "heads that divide the width"),
        *("the size of a noise", "a discount", "a momentum", "a rank", "a latent width"),
        *("a factor, or the power of a loss", "a population", "a decay", "a scale of a layer"),
        *("the rate of a target network, or a temperature", "a radius or a decay", "a margin"),
        *("the probability of an augmentation", "a coefficient"),
        "a number of groups that divides a width",
    }
)
# Words of a name that say no more than the form.
_FORM = whole(
    """weights? weighting w coef(f|ficient)?s? prob(abilit(y|ies))? p ratio frac(tion)? share
    percent\\w* proportion alpha beta gamma gammas mu lambda lamb lam lmbda lamda sigma std stddev
    temps? temperatures? layers? blocks? stages? heads? dims? units? width depth depths sizes? noise
    discount factor rank rho tau scale margin rate n num number_of init initial start end final base
    use global value d k h of population pop popsize neurons? groups?"""
)
_WORDS = words_in(
    """e cf neg seg det gram appnp prenet postnet proto arc arcface cosface pixel swish leaky elu
    loss losses aux auxiliary kl kld ce bce nll mse mae huber focal dice iou giou tv l perceptual
    lpips percep perc vgg style content recon reconstruction rec recons cycle cyc identity
    idt id adv adversarial gan gen disc discriminator generator feature feat fm contrastive
    triplet hinge center distill distillation kd teacher student ssl cl byol moco info nce
    infonce align alignment uniformity diversity orth ortho orthogonal entropy ent critic
    actor vf policy pg td bc cql awr ppo sac dqn ddpg gae per priority rnd icm curiosity
    intrinsic exploration explore expl action rl dpo ipo kto orpo simpo grpo rlhf reg
    regularization regularizer regularisation penalty ridge lasso elastic sparsity sparse
    smooth smoothing smoothness commitment commit vq codebook elbo consistency cons pseudo
    unsup unsupervised sup supervised semi mixup cutmix mix aug augment augmentation hflip
    vflip flip crop erase erasing mask masked masking mlm mim drop dropout droppath
    dropconnect path keep label ls ema avg swa moving momentum mom nesterov sgd adam adamw
    lamb lion muon rms rmsprop opt optim optimizer lr learning warmup warm cosine cos sched
    schedule decay wd hidden hid embed embd embedding embeddings emb model net network mlp
    ffn ff fc feedforward feed forward attn attention msa mha qk qkv kv q query key rope
    rotary dense linear conv cnn rnn lstm gru gcn gat gnn gin sage transformer encoder
    decoder enc dec backbone trunk stem neck bottleneck res resid residual resnet skip
    branch layer block layerscale stage channel channels ch filters planes inner
    intermediate expand expansion expert experts moe router routing gate gating latent z
    state code lora adapter adapters prefix prompt proj projection projector predictor pred
    classifier cls clf readout pool pooling norm bn ln batchnorm layernorm logit logits
    softmax gumbel initializer kernel bias param params gradient grad gradients clip
    clipping gaussian gauss ddpm forcing scheduled target soft tgt polyak ga mutation mut
    crossover cx elite tournament swarm pso genetic evolution es cma tree trees leaf forest
    boost boosting bagging xgb lgb lgbm gbm catboost rbf svm svc knn stochastic shrinkage
    rep repr representation tower cross interaction deep mmoe fpn rpn roi box obj objectness
    dfl centerness ctc rnnt ner intent slot span cpc specaug snr mixing stft vae ae autoencoder
    coupling flows pde pinn ic dirichlet laplace"""
)
# What a layer's own argument is called.
_USES = frozenset({"width", "num_heads", "num_layers", "num_groups", PROBABILITY})
# Sections that say as much.
_SECTIONS = words_in(
    """model net network encoder decoder loss losses criterion optim optimizer optimiser train
    trainer training hparams hyperparameters hyperparams agent policy critic actor generator
    discriminator backbone"""
)
# Sizes that things of any kind have: what is beside them tells.
_VAGUE = words_in("units dim dims channels stages groups width depth layers heads rank n_dim")
_FEW = 3  # neighbours: fewer say nothing of a file
# Pairs of bounds that only a schedule of noise has.
_SCHEDULES = whole("sigma_(min|max) (min|max)_sigma")


def is_common(reason: str) -> bool:
    """Return whether a kind's reason fits quantities of any field."""
    return reason.partition(":")[0] in COMMON


def is_of_learning(evidence: Evidence, passed: list[str]) -> bool:
    """Return whether a name's other words, its section, use or comment are about learning.

    passed: the names that it goes by where it is passed.
    """
    words = [word.rstrip("0123456789") for word in evidence.words.split("_")]
    telling = [word for word in words if word and not _FORM.search(word)]
    if evidence.words in _VAGUE:
        return _is_among_knobs(evidence, passed)
    if len(words) == 1 or not telling or not _WORDS.isdisjoint(telling):
        return True
    if _SCHEDULES.search(evidence.words):
        return True
    if any(not _SECTIONS.isdisjoint(section.split("_")) for section in evidence.sections):
        return True
    if any(use in _USES or not _WORDS.isdisjoint(use.split("_")) for use in passed):
        return True
    return speaks_of_learning(evidence)


def _is_among_knobs(evidence: Evidence, passed: list[str]) -> bool:
    """Return whether the use, the section, the comment or a neighbour of a size is a model's."""
    if not _USES.isdisjoint(passed) or speaks_of_learning(evidence):
        return True
    others = evidence.beside - {evidence.words}
    near = [*evidence.sections, *others, *passed]
    return len(others) < _FEW or any(
        not (_WORDS | _SECTIONS).isdisjoint(name.split("_")) for name in near
    )
