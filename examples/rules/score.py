"""Scores rules.txt: the F1 of "a rule matches" against the labels of messages.tsv."""

import re
import sys
from pathlib import Path


def rules() -> list[re.Pattern[str]]:
    lines = Path("rules.txt").read_text(encoding="utf-8").splitlines()
    return [re.compile(line, re.IGNORECASE) for line in lines if line and line[0] != "#"]


def main() -> None:
    patterns = rules()
    hits = misses = wrong = 0
    for line in Path("messages.tsv").read_text(encoding="utf-8").splitlines():
        label, message = line.split("\t")
        found = any(pattern.search(message) for pattern in patterns)
        hits += found and label == "spam"
        misses += not found and label == "spam"
        wrong += found and label == "ham"
    if len(patterns) > 30:
        sys.exit("more than 30 rules: they would be learnt by heart")
    print(f"missed {misses} spam, flagged {wrong} ham")
    print(f"f1: {2 * hits / max(1, 2 * hits + misses + wrong):.4f}")


if __name__ == "__main__":
    main()
