"""Constants that define a task of another field: money, nature, puzzles, signals, pictures."""

from agent.space.knobs.kind import Rules, anywhere, at_end, whole

TASK = "it defines the task, not how it is solved"
AMOUNT = "it is an amount, a price or a rule of a market"
NATURE = "it is a unit or a constant of nature"
SIGNAL = "it is the shape of the data"
MADE = "it decides how the data are made or scaled"
SCORED = "it belongs to how results are scored"
BUDGET = "it decides how long a training takes"
HARDWARE = "it belongs to the machine"
SHOWN = "it decides what is shown or saved"

# Before the knobs, some of which go by the same words.
FIRST_FIELDS: Rules = (
    (whole("rnd rand lucky(_number)? salt nonce (p?rng_?)?key"), "it is a seed"),
    (
        anywhere(
            """(test|tst|val|valid|dev|eval)_?set\\w* n(test|val|eval|dev)
            (frac|pct|perc|percent|ratio|share|part|prop)_(train|trn) train_(perc|part|portion)
            in_sample (alpha|significance)_level p_val(ue)?s? f_?beta(_score)?
            (recall|precision|hits?|ndcg|map|mrr|pass)_(at|k)(_k)? at_k bleu\\w* rouge\\w* tta\\w*
            (hit|recall|precision)_?rate held_?out\\w* grader\\w* gold\\w* ground_truth\\w*"""
        ),
        SCORED,
    ),
    (
        anywhere(
            """(clusters?|demand|returns?|prices?|market)_(std|sigma|mean|mu)
            (labels?|annotated|supervised)_(frac\\w*|ratio|share|pct|percent\\w*|proportion)
            obs(ervation)?_clip clip_obs\\w* crop_(frac\\w*|pct|ratio)
            (bandit|blob|arm|class|center)s?_std (un)?labell?ed_\\w+ label_flip\\w* class_ratio
            patch_overlap
            (eeg|emg|ecg|meg|rgb|mic|audio|mask|seg|flow|video|image|depth|label)_channels
            (true|actual)_[a-z]\\w* \\w+_true data_(noise|sigma) noise_data
            (mnist|fashion|cifar\\d*|imagenet|svhn|coco)_(mean|std)
            (channel|rgb|img|dataset|feature|label)_(mean|std)"""
        ),
        MADE,
    ),
    (
        anywhere(
            """(line|marker|edge|bar|border|plot|fig|figure)_?(width|size|alpha|w|h)
            (strip|table|col|column|row|page|text|screen)_width bins_hist
            alpha_(fill|line|plot|bar|band|shade) (plot|hist(ogram)?)_?(bins?|alpha)"""
        ),
        SHOWN,
    ),
    (anywhere("(maintenance|profit|gross|initial|margin_call)_margin"), AMOUNT),
    (anywhere("temp(erature)?_[kcf] bit_?flip\\w* (min|max)_depth_c?m"), NATURE),
    (anywhere("euler_gamma rho_(water|air) mu_0 sigma_sb (poisson|mass|density)_ratio"), NATURE),
    (anywhere("vector_width sync_(bn|batch_?norm)"), HARDWARE),
    (
        at_end(
            "students pupils employees patients customers people persons households voters visitors"
        ),
        TASK,
    ),
    (
        anywhere(
            """(q|r|state|control|terminal)_(weights?|costs?) reward_(clip|scale|norm)\\w*
            clip_rewards? (min|max)_action_std action_std_(min|max)"""
        ),
        TASK,
    ),
    (anywhere("batch_(times?|ids?|idx|index|seconds|name|no|delay|wait|interval)"), BUDGET),
    (anywhere("knn_(t|temp\\w*) sw_batch\\w*"), SCORED),
    (
        anywhere(
            """sticky\\w* noop\\w* kissing\\w* slip slip_\\w+ action_noise_env
            (transition|obs|observation|process|sensor|measurement)_(noise|std|sigma)"""
        ),
        TASK,
    ),
)
# Behind the knobs that only look like one of these.
FIELDS: Rules = (
    (
        anywhere(
            """brokerage comm makers? takers? gas bankroll deposits? equity invest(ment|ed)\\w*
            aum pips? salvage\\w* vat stamp_duty wages? salar(y|ies) swap_rate overnight\\w*
            financing\\w* rfr loans? rent revenue dollars? shares per_(trade|order|share)
            (order|trade|bet)_(size|qty|quantity|amount) (point|tick|pip|face|book)_value
            demand\\w* suppl(y|ies) (max|min)_(alloc(ation)?|bet|orders?|turnover) ann_factor
            annuali[sz]e\\w* (exec(ution)?|fill|order)_(delay|lag|price) latency\\w* inventory
            lead_?time odds ante jackpot coupon haircut collateral royalt(y|ies) tariffs?"""
        ),
        AMOUNT,
    ),
    (
        anywhere(
            """km cm mm inch(es)? feet miles? [kmg]?hz usec msec nsec nano milli bytes?
            bits_per_byte (nats|bits)_(to|per)_\\w+ log2e ln_\\d+ zeta\\d golden\\w*
            c_light h_?bar \\w+_constant faraday kelvin earth\\w* cp_(air|water) uint\\d*_max
            big_number"""
        ),
        NATURE,
    ),
    (whole("pi_?\\d* rad deg atm micro c0 g0 huge large small [a-z]+_to_[a-z]+"), NATURE),
    (
        anywhere(
            """(problem|matrix|mat|array|arr|list|lattice|instance|puzzle)_(size|len(gth)?)
            (box|container|domain|square|room|arena|mesh)_(size|len(gth)?|side|width|height)
            (deck|hand|team|alphabet|l|message|file|table|index|corpus)_(size|len(gth)?)
            side_?(len(gth)?)? (pole|rod|arm|beam|rope|cable)_(len(gth)?|mass|radius)
            (lower|upper|search|domain|action)_?(bounds?|lim(it)?s?) [xyz]lim armed
            epidemic\\w* recovery_rate infect\\w* contact_rate incubation radioactive soil sold
            treatment transparency opacity volatility stock bond currency order_book pixel_value
            blocksworld charset action_scale repeat_action (win|loss|max|min|perfect|fail)_score
            score_\\w+"""
        ),
        TASK,
    ),
    (
        at_end(
            """bounds? queens discs disks spheres balls polygons triangles hexagons cards
            clients bandits trucks vehicles customers warehouses depots robots machines atoms
            molecules bodies genes species patients subjects electrodes sensors leads joints
            markers landmarks teams letters alphabet"""
        ),
        TASK,
    ),
    (
        whole(
            """radius diameter (n|num)?_?dice d[xyz] n[xyt] re nu kappa c_wave t_(end|final|max)
            tmax side grid
            (reynolds|rayleigh|prandtl|mach|courant|cfl|peclet)(_num(ber)?)? counts? total
            n_?total upper lower answer"""
        ),
        TASK,
    ),
    (
        anywhere(
            """s_?freq f_?s nyquist low_?cut high_?cut notch\\w* class_sep
            (n|num)_?(informative|redundant|clusters_per_class) centers centres
            (frame|char|word|forecast|pred|trunc|t|record|signal|series|audio|traj\\w*)_len(gth)?
            (steps|predict|days|bars|periods)_ahead
            min_ratings n_?words nchars eot sequences? seqs past future win(_?(len|size))? tbptt
            max_t"""
        ),
        SIGNAL,
    ),
    (whole("rolling unroll rgb snr(_db)? trunc(ate|ation)?(_(len|length|to))?"), SIGNAL),
    (
        anywhere(
            """best_known known_best sota oracle worst upper_bound lower_bound target_value
            max_n_?gram top_n tie_?break\\w* q_query"""
        ),
        SCORED,
    ),
    (
        anywhere(
            """(max|n|num)_?(games?|calls?) f_?evals? nfev max_?fun max_?i(ter|t) n_?gen n?_?loops?
            stop_(after|at) max_ep (schedule|training|anneal\\w*)_(len(gth)?|total) warm_?up_reps
            attempts tries (es|early\\w*)_delta min_delta"""
        ),
        BUDGET,
    ),
    (
        anywhere(
            """sm_count warps? warp_size cores? tdp watts? clock\\w* shm\\w* queue_size sleep\\w*
            heart_?beat\\w* poll\\w* max_parallel concurrency grad_scale page_size storage"""
        ),
        HARDWARE,
    ),
    (
        anywhere(
            """max_to_keep update_bar \\w+_chars indent ndigits lw (window|running)_(avg|mean)
            last_n experiments? page"""
        ),
        SHOWN,
    ),
    (whole("keep bars?"), SHOWN),
    (at_end("(max|min)_(size|count|num|number|items|entries|limit)"), TASK),
)
