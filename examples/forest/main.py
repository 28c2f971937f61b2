#!/usr/bin/env python3
"""Sort wines into three cultivars with a random forest."""

import argparse
import logging

from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--trees", type=int, default=5, help="number of trees")
parser.add_argument("--max-depth", type=int, default=2, help="depth of a tree")
parser.add_argument("--max-features", type=float, default=0.3, help="share of features a split")
parser.add_argument("--min-samples-leaf", type=int, default=8)
parser.add_argument("--random-state", type=int, default=42)
parser.add_argument("--verbose", action="store_true")
args = parser.parse_args()

logging.basicConfig(
    level=logging.DEBUG if args.verbose else logging.INFO,
    format="%(asctime)s | %(levelname)s | %(message)s",
)
log = logging.getLogger("wine")

wine = load_wine()
x_train, x_valid, y_train, y_valid = train_test_split(
    wine.data, wine.target, test_size=0.6, random_state=args.random_state
)
forest = RandomForestClassifier(
    n_estimators=args.trees,
    max_depth=args.max_depth,
    max_features=args.max_features,
    min_samples_leaf=args.min_samples_leaf,
    random_state=args.random_state,
)
log.info("fitting %d trees on %d wines", args.trees, len(y_train))
forest.fit(x_train, y_train)
log.info("Train accuracy: %.2f%%", 100 * forest.score(x_train, y_train))
log.info("Validation accuracy: %.2f%%", 100 * forest.score(x_valid, y_valid))
