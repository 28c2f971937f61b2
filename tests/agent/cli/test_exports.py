"""The commands that write what a run holds: `export`, `report`, `plot` and `compare`."""

import csv
import io
from pathlib import Path

import pytest

from agent.errors import UsageFault
from tests.agent.cli.night import fault, git, output_of


def test_the_export_has_upstream_s_columns_and_statuses(here: Path) -> None:
    rows = [line.split("\t") for line in output_of("export").splitlines()]
    assert rows[0] == ["commit", "val_bpb", "memory_gb", "status", "description"]
    assert [row[1:4] for row in rows[1:]] == [
        ["1.501000", "2.0", "keep"],
        ["1.401000", "2.0", "keep"],
        ["0.000000", "0.0", "crash"],
        ["1.601000", "2.0", "discard"],
    ]
    assert git(here, "log", "-1", "--format=%s", rows[2][0]).strip() == "attempt #1: deeper"


def test_the_export_goes_to_a_file_where_one_is_named(here: Path, tmp_path: Path) -> None:
    for form in ("tsv", "jsonl", "csv"):
        file = tmp_path / f"trials.{form}"
        assert output_of("export", "--format", form, "--output", str(file)) == ""
        assert file.read_bytes().decode() == output_of("export", "--format", form)
    assert len(list(csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text())))) == 5
    assert isinstance(
        fault("export", "--output", str(here / "no" / "such" / "folder" / "x.tsv")), UsageFault
    )
    assert isinstance(fault("export", "--format", "optuna"), UsageFault), (
        "an SQLite file is nothing for stdout"
    )
    assert isinstance(
        fault("export", "--format", "optuna", "--output", str(here / "no" / "x.db")), UsageFault
    )


def test_the_report_is_a_page_named_after_the_run_or_markdown(here: Path, tmp_path: Path) -> None:
    page = tmp_path / "night.html"
    assert output_of("report", "--output", str(page)) == ""
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    for part in (
        "deeper",
        "1.401000",
        '<tr class="add">',
        "[bold]wider[/bold] \\x1b[31mred\\u202e",
        "#5</strong> colder",
    ):
        assert part in text
    assert "| #1 | 1.401000 | -0.101000 |" in output_of("report", "t", "--markdown")
    assert output_of("report", "--output", "-").startswith("<!doctype html>")
    assert isinstance(
        fault("report", "--output", str(here / "no" / "such" / "folder" / "x.html")), UsageFault
    )


@pytest.mark.usefixtures("here")
def test_a_figure_goes_into_a_file(tmp_path: Path) -> None:
    for words in (("progress",), ("compare", "t", "t")):
        file = tmp_path / f"{words[0]}.svg"
        assert output_of("plot", *words, "--output", str(file)) == ""
        assert "<svg" in file.read_text()
    assert isinstance(fault("plot", "progress", "t", "t"), UsageFault)
    assert isinstance(fault("plot", "importance"), UsageFault)


@pytest.mark.usefixtures("here")
def test_runs_are_put_beside_each_other() -> None:
    lines = output_of("compare", "t", "autoresearch/t").splitlines()
    assert lines[0].split() == ["t", "t"]
    assert [line.split()[1:] for line in lines if line.startswith("best")] == [
        ["1.401000", "by", "#1"] * 2
    ]
    assert isinstance(fault("compare", "t"), UsageFault)
