"""Overrides the settings of train.py: `python train.py --batch_size=8 --dropout=0.1`."""

import sys
from ast import literal_eval

for argument in sys.argv[1:]:
    key, equals, value = argument.removeprefix("--").partition("=")
    if not (argument.startswith("--") and equals and key in globals()):
        sys.exit(f"unknown setting: {argument}")
    globals()[key] = literal_eval(value)
    print(f"Overriding: {key} = {value}")
