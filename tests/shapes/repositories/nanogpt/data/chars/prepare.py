"""Prepare the dataset for character-level language modeling."""
import os
import pickle

import numpy as np

here = os.path.dirname(__file__)
with open(os.path.join(here, 'input.txt')) as f:
    data = f.read()
chars = sorted(set(data))
stoi = {ch: i for i, ch in enumerate(chars)}
ids = np.array([stoi[c] for c in data], dtype=np.uint16)
n = int(len(ids) * 0.9)
ids[:n].tofile(os.path.join(here, 'train.bin'))
ids[n:].tofile(os.path.join(here, 'val.bin'))
with open(os.path.join(here, 'meta.pkl'), 'wb') as f:
    pickle.dump({'vocab_size': len(chars), 'stoi': stoi}, f)
print(f"vocab size: {len(chars):,}")
