"""Characters to learn from: the descriptions of the data sets that scikit-learn ships."""

from importlib.resources import files

import torch

HELD_OUT = 0.15


def splits() -> tuple[dict[str, torch.Tensor], int]:
    """Return the characters of each split as numbers, and how many characters there are."""
    folder = files("sklearn.datasets.descr")
    pages = sorted(path.name for path in folder.iterdir() if path.name.endswith(".rst"))
    text = "\n".join(folder.joinpath(page).read_text(encoding="utf-8") for page in pages)
    letters = sorted(set(text))
    numbers = {letter: number for number, letter in enumerate(letters)}
    tokens = torch.tensor([numbers[letter] for letter in text])
    cut = int(len(tokens) * (1 - HELD_OUT))
    return {"train": tokens[:cut], "val": tokens[cut:]}, len(letters)
