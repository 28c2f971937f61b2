"""Score prompt.txt against a rubric: a stand-in for a grader that calls a model."""
import re
from pathlib import Path

RUBRIC = {
    "tone": r"\b(polite|friendly|kind)\b",
    "length": r"\b(short|brief|at most|sentences)\b",
    "honesty": r"\b(don't know|do not know|unsure|never invent)\b",
    "format": r"\b(steps|list|numbered)\b",
    "escalation": r"\b(escalate|human|colleague)\b",
}


def main():
    prompt = Path("prompt.txt").read_text()
    hits = {name: bool(re.search(pattern, prompt, re.I)) for name, pattern in RUBRIC.items()}
    for name, hit in hits.items():
        print(f"{name:12s} {'ok' if hit else 'missing'}")
    words = len(prompt.split())
    print(f"score: {sum(hits.values()) / len(hits) - 0.002 * max(0, words - 40):.3f}")


if __name__ == "__main__":
    main()
