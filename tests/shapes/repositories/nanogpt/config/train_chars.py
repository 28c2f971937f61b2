# train a miniature character-level model
out_dir = 'out-chars'
dataset = 'chars'
eval_interval = 20
eval_iters = 4
log_interval = 10
batch_size = 8
block_size = 32
n_layer = 1
n_head = 2
n_embd = 32
dropout = 0.0
learning_rate = 1e-2
max_iters = 40
lr_decay_iters = 40
min_lr = 1e-3
warmup_iters = 5
