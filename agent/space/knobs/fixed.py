"""Constants that are no knobs: the task, the data, the evaluation, the budget and the machine."""

import re

from agent.edit.seeds import is_seed_name
from agent.space.knobs.evidence import Evidence
from agent.space.knobs.fields import FIELDS, FIRST_FIELDS
from agent.space.knobs.kind import Rules, anywhere, at_end, whole

EVALUATION = "it belongs to the evaluation"
DATA = "it decides which data there is"
SHAPE = "it is the shape of the data"
SEQUENCE = "the length of a sequence defines the task"
LENGTH = "it decides how long a training takes"
TIME = "it is a time or a budget"
MACHINE = "it belongs to the machine"
REPORTING = "it decides what is shown or saved"
RUN = "it is a switch of the run"
WORLD = "it is part of the simulated world"
MARKET = "it is part of the cost or risk model"
SAMPLING = "it decides how samples are drawn, not what is learned"
# What uses_of finds that decides alone.
USES = {
    "as_seed": "it is a seed",
    "as_epochs": LENGTH,
    "as_interval": "it decides how often something happens beside the training",
    "as_time": TIME,
    "as_data": DATA,
    "as_split": "it decides how the data is split",
}

# Before the knobs: the first that fits.
FIRST: Rules = (
    (anywhere("\\w*seeds?(_(everything|list|start|offset|base|\\w*id))? rng_\\w+"), "it is a seed"),
    (
        anywhere(
            """evals? evaluat(e|ion|or) val(?<!clip_val)(?<!init_val)(?<!max_val)(?<!min_val)
            valid(ation)? test(ing|set)? metrics? hold_?out dev baselines? benchmark(ing)? iou
            nms anomaly\\w* use_dtw infer(ence)? score_thresh(old)? conf(idence)?_thresh(old)?
            oos walk_forward predict(ion)?_(batch|bs)(_?size)?
            target_(loss|acc|accuracy|score|return|reward|metric|val|bpb|bpc|perplexity|ppl)
            (?<!grad_)acc(uracy)?(?!_steps) goals? success_threshold solved(_\\w+)? wins
            wins?_(rate|ratio) test_?size goal_score"""
        ),
        EVALUATION,
    ),
    (
        anywhere(
            """(n|num|k)?_?folds? cv splits?(?<!samples_split)(?<!min_split)(?<!to_split)
            (n|num)_?splits train_?(frac|fraction)
            train_(ratio|size|split|pct|percent|share|prop|end|start) purge\\w* embargo"""
        ),
        "it decides how the data is split",
    ),
    (
        anywhere(
            """shuffle_?buf\\w* \\w*loss_scal(e|ing) batch_size_multiple max_(gpu|device)_\\w+
            \\w*quant(?!ile)\\w* use_reentrant \\w*unsloth\\w* liger\\w* xformers sdpa
            use_(peft|lora|qlora|dora)\\w*"""
        ),
        MACHINE,
    ),
    (
        anywhere(
            """dry_?run smoke(_test)? resume\\w* push plot\\w* deterministic profil(e|er|ing)
            upload download show export overwrite offline trace reproducible debug verbose
            wandb tensorboard tb track tracking render record video monitor hub mlflow comet
            quiet silent demo test_mode fast_dev_run overfit sanity\\w*
            (preview|display|vis|viz|plot|show|demo)_(batch|bs)(_?size)?
            do_(train|eval|test|predict) is_\\w+ disable_tqdm tqdm progress(_bar)?
            skip_(eval|train|test|\\w*steps) force reload restore load(?!_balanc) dump live
            paper remove trust_remote_code quick cleanup visuali[sz]e\\w* interactive ci"""
        ),
        RUN,
    ),
    *FIRST_FIELDS,
)

# Behind the knobs that only look like one of these.
FIXED: Rules = (
    (
        re.compile(
            r"(?:^|_)(?:seq(?:uence)?_?(?:len|length|size)s?|(?:max|min)_?(?:\w+_)?(?:len|length)"
            r"|(?:ctx|context)(?:_?(?:len|length|size|window))?|block_?size|window_?(?:len(?:gth)?"
            r"|size)|horizon|look_?back|look_?ahead|n_?ctx|bptt|chunk_?(?:len(?:gth)?|size)"
            r"|max_(?:position|pos)\w*|n_positions|num_positions|max_tokens|max_seq\w*|seq"
            r"|(?:n|num)?_?lags?|pred(?:iction)?_len\w*|label_len|(?:step|hist|past|enc|dec|feat|episode|ep|sent(?:ence)?|word|doc|query|passage)_?len(?:gth)?|time_?steps_(?:in|out)"
            r"|text_len\w*|(?:source|target|src|tgt|input|output|prompt|completion|prefix|audio"
            r"|sample|segment|seg|clip)_?(?:len|length|duration)|window|input_window|output_window"
            r"|max_(?:new_)?tokens|history(?:_len\w*)?|num_frames|n_frames|max_words"
            r"|min_words|max_position_embeddings|clip_(?:len\w*|frames))$|^(?:t|len|length)$"
        ),
        SEQUENCE,
    ),
    (
        anywhere(
            """vocab(ulary)?(_?size)? token_?ids? pad(ding)?_(idx|id|token|index|value) bos eos
            unk sos ignore_(index|idx|id) blank(_?id(x)?)? pad cls_token num_embeddings
            n_?vocab n?_?tokens? num_tokens min_(word_)?freq max_(vocab|features|df) min_df
            n_?tokens? ntoken mask_token"""
        ),
        "it belongs to the tokens",
    ),
    (
        anywhere("ref reference log_std_(min|max|init)"),
        "it is a bound or a reference",
    ),
    (
        re.compile(
            r"(?:^|_)(?:teacher|resnet|vgg|wrn|backbone|bert|roberta|vit|clip|glove|w2v|word2vec"
            r"|fasttext)_(?:hidden|layers?|dims?|width|depth|heads|channels|size)$"
        ),
        "it belongs to a model that is known by that size",
    ),
    (
        anywhere("sparsity (prune|pruning|compression|keep)_?(ratio|rate|target) compression"),
        "it is the aim of a compression",
    ),
    (
        anywhere("phase_ratio\\w*"),
        "shares that add up to one: state a range to search it",
    ),
    (
        anywhere("lr_(base_size|noise\\w*|cycle\\w*|k_decay|power|restart\\w*|limit)"),
        "a detail of a schedule: state a range to search it",
    ),
    (
        at_end("tokens? ids? idx index rank_id uuid key tag column"),
        "it identifies something",
    ),
    (
        re.compile(
            r"(?:^|_)(?:classes|labels|categories|cities|points|nodes|items|users|features|samples"
            r"|examples|rows|cols|columns|images|assets|targets|objects|states|actions|players"
            r"|num_?class(?:es)?|n_?class(?:es)?|nclass|circles|agents|tasks|speakers|actors"
            r"|stocks|tickers|instances|documents|docs|sentences|files|shards|problems|queries"
            r"|relations|entities|edges|graphs|keypoints|anchors|way|ways|shots?|documents|batches"
            r"|pairs|sequences|(?:real|fake|pos|neg|ignore)_label|is_\w+|videos|voters|languages|domains|datasets|digits|dimensions?|n_?dims|obs)$"
        ),
        "it is the size of the problem",
    ),
    (
        re.compile(
            r"(?:^|_)(?:(?:img|image|input|output|in|out|target|obs|observation|state|act|action"
            r"|feat|feature|data|crop|resize|frame|screen|sample|grid|board|map|label|text|cond"
            r"|color|colour|x|y)_?(?:size|dims?|shape|channels?|ch|features?|feats|height|width"
            r"|rate|res(?:olution)?|h|w|sz|len)s?|dataset_?size|resolution|res|height|img_?h|img_?w"
            r"|image_?size|imsize|isize|hop_?len|std_value|mean_value|n?_?feature_bins|num_feature\w*|(?:chromosome|genome)_(?:size|len\w*)|nc|sr|sampling_?rate|sample_?rate|n_?mels?|mel_\w+|num_mel\w*"
            r"|n_?fft|hop_?(?:length|size)?|win_?(?:length|size)|n_?mfcc|f_?min|f_?max|fps"
            r"|frame_?(?:skip|stack|rate)|rows|cols|n_?(?:train|data)|num_(?:train|data)|ninp_\w+"
            r"|n_?inputs?|n_?outputs?|num_(?:inputs?|outputs?|channels_in|channels_out)|d_?in|d_?out"
            r"|(?:up|down)_?sampl\w*(?<!channel)(?<!layers)|(?:dilation|stride|padding)\w*"
            r"|attention_resolutions|d_?feats?|latent_(?:height|width|shape)|padding|strides?|dilation|hz|crop|in_?planes|n_?in|n_?out"
            r"|dim_(?:\w+_)?(?:in|out)|(?:k|kernel|ker|win|window|pool|tile|cell)_[wh]"
            r"|(?:enc|dec|c)_(?:in|out)|(?:in|out|input|output|n|num|img)_?chans?|preemphasis|top_db|ref_db|max_db|min_db|(?:num|n)_freqs?"
            r"|filter_length|interpolation|segment_size|bits|bit_depth|n_?bits|quantization_channels|\w+_px|modulus|prime)(?:_\d+)*$|^(?:size|dim_[xyz]|img|image|h|w|(?:\w+_)?capacity|target|data|\w+_data)$"
        ),
        SHAPE,
    ),
    (
        anywhere(
            """commissions? fees? slippage bid_ask trading_days capital cash balance prices?
            tax(es)? cost_?bps bps risk_?free(_rate)? rf leverage
            (transaction|trading|trade|tx|t)_?costs? costs? spread notional
            (account|ann_scaler|n_drop|hold_thresh)
            max_(position|drawdown|dd|weight|exposure|holdings?|shares?|loss|trades) interest
            risk_per_trade position_size lot_?size hmax initial_\\w*amount wallet strike
            maturity annuali[sz]ation(_factor)? periods_per_year stake margin_req\\w*
            portfolio_(value|size) margin_(rate|ratio|call) lots? contract_size funding(_rate)?
            (market_|price_)?impact
            (pf_)?initial_(value|balance|equity|deposit\\w*|invest\\w*|wealth|fund\\w*)
            dividend borrow_rate var_level days_per_year bars_per_year annual_factor inflation
            rake vig"""
        ),
        MARKET,
    ),
    (
        anywhere(
            """rewards? penalt(y|ies) gravity mass force friction length_scale_m dt delta_t
            physics\\w* env_?\\w* environments? gym v_?(min|max) world(?!_size) spawn\\w*
            enemy\\w* lives difficulty viscosity reynolds diffusivity velocity speed torque
            damping_coefficient boundary (n|num)_?envs? simulation\\w* sims? playouts? turns?
            moves? ply plies payoff obstacles? max_episode_steps wind mdp wall\\w* maze\\w*
            x_?threshold theta_threshold\\w* tick\\w* nenvs?"""
        ),
        WORLD,
    ),
    (
        anywhere(
            """budgets? timeouts? deadline run_?time dates?
            time(?!_(emb|dim|mask))(_?(limit|budget|out))? hours? minutes? seconds? secs? days?
            weeks? months? years? duration patience early_?stop(ping)? max_(time|wall|hours)
            wall_?(clock|time) ms"""
        ),
        TIME,
    ),
    (
        anywhere(
            """path dir file folder url name version prefix suffix root host(name)? addr(ess)?
            format revision user password api bucket port master_port title notes? author year
            license"""
        ),
        "it names something",
    ),
    (
        anywhere(
            """(local|global|node)_?rank world_?size n?_?gpus? cpus? cuda devices? workers?
            n?_?jobs n?_?threads? nthread prefetch\\w* pin_?memory compile\\w* dtype
            (n|num)_nodes ddp amp distributed cache\\w* n?_?procs? mps fp16 bf16 fp8 fp32 tf32
            half float16 bfloat16 int8 apex mixed(_precision)? precision cudnn\\w*
            flash(_attn|_attention)? jit fused gradient_checkpointing grad_checkpoint\\w*
            activation_checkpoint\\w* triton accelerator backend fsdp deepspeed zero(_stage)?
            offload\\w* xla tpu tpus memory_(limit|fraction) mem ram vram retries retry
            max_retries num_process(es)? num_worker persistent_workers nccl sync_bn foreach
            bits? capturable non_blocking channels_last chunk tile(s|_size)? load_in_\\w+
            tensor_?cores quanti[sz]e\\w* bnb\\w* 4bit 8bit paged threading tensor_parallel\\w*
            pipeline_parallel\\w* data_parallel use_multi\\w*
            (tp|pp|dp|cp|ep|fsdp|mesh)_?(size|degree|dim)
            shuffle_?(buffer|size|buffer_size) buffer_shuffle max_queue_size queue_max_?size
            max_?size loader\\w*"""
        ),
        MACHINE,
    ),
    (
        anywhere(
            """log(?!_(std|sigma|scale|alpha)) logs logging logger interval every freq(uency)?
            print report(ing)? display save saving saved checkpoint(s|ing)? ckpts? ckpt_\\w+
            snapshot keep_last save_?total_limit period_steps summary dpi fig figsize
            font(size)? bar_?len colou?rs? linewidth decimals rounding round_to digits_shown"""
        ),
        REPORTING,
    ),
    (
        re.compile(
            r"(?:^|_)(?:n?epoch\w*|epoch_\w+|\w+_epoch_\w+|train(?:ing)?_loops?|iters?|iterations?|rounds?|episodes?|generations?|gens?|updates?"
            r"|total_?timesteps|time_?steps|steps?|frames|num_?batches|passes|nepochs?|trials?|runs?"
            r"|num_(?:train_)?(?:epochs?|steps|iters)|max_evals?|evaluations|sweeps|repeats?(?:_?(?:num|n|count|times))?"
            r"|max_(?:updates?|epochs?|steps|iter\w*|batches|train\w*)|niters?|nsteps|n_?iter|niter"
            r"|end_step|start_step|last_epoch|t_max|total_?steps|early_stop\w*|stopping_rounds"
            r"|max_?it|num_it|itr|repetitions|restarts|warm_?start|bootstraps?|replications?|phases)$"
        ),
        LENGTH,
    ),
    (
        anywhere("flops? [tgp]flops? peak(?!_(lr|learning)) bandwidth mfu hbm gflop"),
        "it is a figure of the hardware",
    ),
    (
        re.compile(
            r"(?:^|_)(?:[kmgt]i?b|bytes|pi|ln2|sqrt2|inf(?:inity)?|nan|(?:deg2rad|rad2deg|sqrt\w*|kelvin|ns|tiny)|"
            r"euler|avogadro|boltzmann|planck|speed_of_light|kilo|mega|giga|million|billion)"
            r"(?:_per_|$)"
        ),
        "it is a unit or a constant",
    ),
    (
        anywhere(
            """top_?k(?!_(layers|prob))(_sampling)? top_p num_samples n_samples max_new_tokens
            beams? num_beams beam_(size|width) repetition_penalty length_penalty guidance
            guidance_scale cfg_scale cfg_weight num_inference_steps ddim\\w*
            sampling_(steps|timesteps|eta) num_return_sequences generate\\w* sampler\\w*
            sample_(every|steps|size|rate|num) n_sample num_generat\\w+ sampling_\\w+"""
        ),
        SAMPLING,
    ),
    (
        anywhere(
            """drop_last shuffle lower_?case do_lower_case stopwords pretrained from_scratch
            fine_?tune\\w* freeze\\w* subset sub_?sample_data streaming dedup\\w* remove_\\w+
            max_corpus\\w* max_chars
            (mean|std|mask|nan|na|fill|missing|null|invalid|default|pad)_value sentinel
            sample_?(frac\\w*|ratio|share|pct|fraction) shards? shard_size
            max_(train|rows|items|samples?|examples?|docs?) limit nrows frac_data
            (docs?|samples?|rows?|items?)_cap
            data_(frac\\w*|ratio|pct|percent\\w*|share) imbalance\\w* outlier\\w* missing\\w*
            label_noise\\w* noise_ratio contamination batch_first mean pixel_(mean|std)
            norm_(mean|std) x_(mean|std|min|max) image_(mean|std)
            data(set)?_(mean|std|size|len) min_count target_scale synthetic\\w* train_on_\\w+
            max_(value|val) min_(value|val) clip_outliers (min|max)_\\w+_size threshold
            thresh(old)?s? cut_?off percentile confidence significance z_score tolerance tol
            atol rtol xtol ftol gtol n_bootstrap quantiles?"""
        ),
        "it decides which data there is, or what counts",
    ),
    *FIELDS,
)
# Sections of a configuration whose constants are never knobs.
_SECTIONS = (
    (
        anywhere(
            """evals? evaluat(e|ion|or) val valid(ation)? test(ing)?
            (test|val|eval|valid|validation)_?(data_?)?(loader|set|dataset|ds|dl)"""
        ),
        EVALUATION,
    ),
    (
        anywhere("first_stage\\w* cond_stage\\w* pretrained\\w* tokenizer text_encoder"),
        "it belongs to a model that is trained already",
    ),
    (whole("envs?(_\\w+)? environment(_\\w+)? simulator rewards?"), WORLD),
    (anywhere("backtest strategy exchange\\w* portfolio port_analysis\\w* market broker"), MARKET),
    (
        anywhere(
            """zero_optimization deepspeed fsdp\\w* fp16 bf16 amp activation_checkpointing
            offload\\w* quantization\\w* dataloader_\\w+ compile"""
        ),
        MACHINE,
    ),
    (
        anywhere(
            """logging logger wandb log checkpoint(ing)? tracking hydra slurm cluster launcher
            trainer_logger monitor viz visualization plot"""
        ),
        REPORTING,
    ),
    (anywhere("generation generate sampling sampler inference"), SAMPLING),
)
# Of what is counted (`num_…`) only these are parts of a model or of a method.
_COUNT = re.compile(r"^(?:num(?:ber_of)?|n)_(?:of_)?(?P<what>.+)$")
PARTS = at_end(
    """layers? heads? blocks? experts? units? filters? channels? hidden embd? embed embeddings?
    groups? stages? estimators? trees? leaves neighbou?rs components? kernels? bins?
    candidates neurons? inner particles population dims? kv registers? mixtures? loops?
    quantiles? atoms critics mini_?batches codebooks? codes centroids negatives?
    res_?blocks? slots? hops? bases basis fourier_features frequencies"""
)


def seed_or_first(evidence: Evidence) -> str | None:
    """Return why a constant is never searched, whatever else its name says, or None."""
    words = evidence.words
    if is_seed_name(evidence.name) or is_seed_name(words):
        return "it is a seed"
    for pattern, reason in _SECTIONS:
        if any(pattern.search(section) for section in evidence.sections):
            return reason
    return _first(FIRST, words)


def why_fixed(words: str) -> str | None:
    """Return why a name of these words is no knob, or None."""
    reason = _first(FIXED, words)
    if reason:
        return reason
    counted = _COUNT.match(words)
    if counted and not PARTS.search(counted["what"]):
        return "it counts something of the task"
    return None


def why_by_use(evidence: Evidence) -> str | None:
    """Return why the uses of a constant speak against a search, or None."""
    for use, reason in USES.items():
        if use in evidence.uses:
            return reason
    return None


def _first(rules: Rules, words: str) -> str | None:
    for pattern, reason in rules:
        if pattern.search(words):
            return reason
    return None
