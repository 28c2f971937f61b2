"""What real libraries print in processes of their own is read back."""

import subprocess
import sys
import textwrap

import pytest

from sandbox.score.metric import Metric, Reading
from sandbox.score.reading import read_metric

ACCURACY = Metric(name="val_acc")

PRINTED_BY = {
    "logging": """
        import logging, sys
        logging.basicConfig(level="INFO", stream=sys.stdout)
        logging.info("---")
        logging.info("val_acc: %.4f", 0.875)
    """,
    "a logger with time and level": """
        import logging, sys
        form = "%(asctime)s %(levelname)s %(message)s"
        logging.basicConfig(level="INFO", stream=sys.stdout, format=form)
        logging.info("---")
        logging.info("val_acc: %s", 0.875)
    """,
    "tqdm": """
        from tqdm import tqdm
        print("---")
        for _ in tqdm(range(3), leave=False): pass
        print("val_acc: 0.875")
        for _ in tqdm(range(3), postfix={"loss": 0.5}): pass
    """,
    "numpy": """
        import numpy as np
        print("---")
        print({"loss": np.float32(0.5), "val_acc": np.float64(0.875)})
    """,
    "an array": """
        import numpy as np
        print("---")
        print("val_acc:", np.array([0.875]))
    """,
    "json": """
        import json
        print("---")
        print(json.dumps({"loss": 1, "val_acc": 0.875}, indent=2))
    """,
    "a table of rich": """
        from rich.console import Console
        from rich.table import Table
        print("---")
        table = Table("metric", "value", title="results")
        table.add_row("[bold]val_acc[/bold]", "[green]0.875[/green]")
        Console(force_terminal=True).print(table)
    """,
    "a progress bar of rich": """
        from rich.console import Console
        from rich.progress import track
        print("---")
        console = Console(force_terminal=True)
        for _ in track(range(3), console=console): pass
        print("val_acc: 0.875")
    """,
    "an f-string": """
        val_acc = 0.875
        print("---")
        print(f"{val_acc=}")
    """,
    "pprint": """
        from pprint import pprint
        print("---")
        pprint({"val_acc": 0.875, "history": list(range(50))})
    """,
}


TORCH = """
    import torch
    print("---")
    print("val_acc:", torch.tensor(0.875, requires_grad=True))
"""


@pytest.mark.parametrize(
    "source",
    [*PRINTED_BY.values(), pytest.param(TORCH, marks=pytest.mark.slow)],
    ids=[*PRINTED_BY, "torch"],
)
def test_what_real_libraries_print(tmp_path, source):
    command = [sys.executable, "-c", textwrap.dedent(source)]
    with (tmp_path / "log").open("wb") as log:
        subprocess.run(command, stdout=log, stderr=log, check=True)
    reading = read_metric(tmp_path / "log", ACCURACY)
    assert isinstance(reading, Reading), reading
    assert (reading.value, reading.blocks) == (0.875, 1)
