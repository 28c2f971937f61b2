"""The documentation: links lead somewhere, commands and figures exist, the README stays short."""

import argparse
import json
import re
import shlex
import sys
from collections.abc import Iterable
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import NoReturn

import pytest
from PIL import Image

from agent.cli.reach import USUAL_CACHES
from agent.edit.apply import Applied, apply
from agent.edit.files import Sources
from agent.errors import EXIT_CODES, TrustFault
from agent.llm.model import Reply
from agent.project.trust import NEVER_READABLE
from agent.propose.code.reply import read_reply
from agent.space import read_space
from tests.typed import lacking, problem, words_of

ROOT = Path(__file__).parent.parent
SOURCE = (ROOT / "workspace" / "train.py").read_text(encoding="utf-8")
ANSWERS = [
    json.loads(line)
    for line in (ROOT / "docs" / "night.jsonl").read_text(encoding="utf-8").splitlines()
]
# An answer that builds on a constant of an earlier answer can be asked for only once that is there.
SPACE = read_space(SOURCE)
PATTERNS = ("*.md", "docs/**/*.md", "examples/**/*.md", "corpus/*.md")
FILES = set(chain.from_iterable(ROOT.glob(pattern) for pattern in PATTERNS))
FILES.discard(ROOT / "program.md")
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in FILES)
# Pages of past runs quote what was typed and printed then.
RECORDS = {"docs/transcript.md", "docs/fuzz.md", "CHANGELOG.md"}


def text_of(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def typed(page: str) -> list[list[str]]:
    """Return the words behind `autoresearch` in the code of a page, comments left out."""
    prose = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    return [*in_blocks(page), *commands_of(re.findall(r"`([^`\n]+)`", prose))]


def in_blocks(page: str) -> list[list[str]]:
    """Return the words behind `autoresearch` in the blocks of a page that are to be typed."""
    blocks = re.findall(r"```sh\n(.*?)```", text_of(page), re.DOTALL)
    return commands_of("\n".join(blocks).splitlines())


def commands_of(lines: Iterable[str]) -> list[list[str]]:
    """Return the words behind `autoresearch` in lines of code, comments left out."""
    commands = []
    for line in lines:
        for part in re.split(r"&&|\|", line.partition("#")[0]):
            words = words_of(part)
            if words[:1] == ["autoresearch"]:
                commands.append(words[1:])
    return commands


# ------------------------------------------------------------------------------- every page


@pytest.mark.parametrize("page", PAGES)
def test_every_linked_file_is_there(page: str) -> None:
    links = re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)|(?:src|srcset)="([^":]+)"', text_of(page))
    for markdown, html in links:
        path = (markdown or html).replace("\\_", "_")
        assert (ROOT / page).parent.joinpath(path).exists(), path


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_heading_finds_it(page: str) -> None:
    for path, heading in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text_of(page)):
        target = (ROOT / page).parent / path if path else ROOT / page
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = [re.sub(r"[^\w\- ]", "", text).lower().replace(" ", "-") for text in headings]
        assert heading in anchors


@pytest.mark.parametrize("page", sorted({*PAGES} - RECORDS))
def test_every_command_and_flag_that_is_typed_exists(page: str) -> None:
    for words in typed(page):
        if not words or not re.fullmatch(r"[a-z]+", words[0]):
            continue
        assert problem(words) is None


@pytest.mark.parametrize("page", sorted({*PAGES} - RECORDS))
def test_every_command_that_is_to_be_typed_has_its_arguments(page: str) -> None:
    for words in in_blocks(page):
        if words and re.fullmatch(r"[a-z]+", words[0]):
            assert not lacking(words), words


@pytest.mark.parametrize("page", sorted({*PAGES} - RECORDS))
def test_every_path_of_the_repository_that_is_named_exists(page: str) -> None:
    text = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    tops = "agent|autoresearch|sandbox|workspace|tests|benchmarks|docs|corpus|examples"
    paths = re.findall(rf"`((?:{tops})/[\w./-]*)`", text)
    # A file of another repository, and a branch.
    allowed = {"docs/data/trials.json", "autoresearch/TAG", "autoresearch/first"}
    assert not [path for path in paths if not (ROOT / path).exists() and path not in allowed]


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_is_run_is_there(page: str) -> None:
    for name in re.findall(r"python -m ((?:benchmarks|tests|autoresearch)[\w.]*)", text_of(page)):
        module = import_module(f"{name}.__main__" if name == "autoresearch" else name)
        package = Path(str(module.__file__)).with_name("__main__.py")
        assert callable(getattr(module, "main", None)) or package.exists(), name


class ParsedError(Exception):
    """The options of a program were read, and it is not run."""


def benchmarks_typed() -> list[str]:
    """Return every command of a benchmark that a page types in full."""
    form = re.compile(r"`python -m (benchmarks\.[^`…]+)`")
    return sorted(set(chain.from_iterable(form.findall(text_of(page)) for page in PAGES)))


@pytest.mark.parametrize("command", benchmarks_typed())
def test_every_option_of_a_benchmark_that_is_typed_exists(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, *words = shlex.split(command)
    main = import_module(module).main
    if not words:
        return
    read = argparse.ArgumentParser.parse_args

    def only_read(parser: argparse.ArgumentParser) -> NoReturn:
        read(parser)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only_read)
    monkeypatch.setattr(sys, "argv", [module, *words])
    with pytest.raises(ParsedError):
        main()


# ------------------------------------------------------------------------------- the README


def test_the_readme_is_short_and_opens_with_the_two_commands() -> None:
    lines = text_of("README.md").splitlines()
    assert len(lines) <= 150
    commands = re.findall(r"```sh\n(.*?)```", text_of("README.md"), re.DOTALL)[0]
    assert [line.split("#")[0].strip() for line in commands.splitlines()] == [
        "make start",
        "make test",
    ]


def test_the_readme_says_what_was_not_tried_before_anything_else() -> None:
    first_screen = text_of("README.md").partition("## Install")[0]
    assert "Not tried yet: GPUs and live models" in first_screen


def test_the_readme_brings_the_command_onto_the_path_before_it_is_typed() -> None:
    text = text_of("README.md")
    first = min(text.index(f"\nautoresearch {name}") for name in ("init", "start", "log"))
    assert text.index(". .venv/bin/activate") < first


# -------------------------------------------------------------------------- particular pages


def test_the_security_page_says_what_the_program_does() -> None:
    text = text_of("docs/SECURITY.md")
    assert f"exit code {TrustFault.exit_code}" in text
    assert EXIT_CODES[TrustFault.exit_code] == "not trusted"
    assert {"/proc", "/run"} < set(NEVER_READABLE)
    for path in ("/proc", "/sys", "/dev", "/run", *(f"~/{name}" for name in USUAL_CACHES)):
        assert f"`{path}`" in text


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py"))
)
def test_every_benchmark_can_be_started(name: str) -> None:
    assert import_module(f"benchmarks.{name}").__doc__


def test_every_measurement_has_its_command() -> None:
    rows = re.findall(r"^\| (?!What|---)(.+) \|$", text_of("docs/measurements.md"), re.MULTILINE)
    assert len(rows) > 20
    for row in rows:
        command = row.split(" | ")[-1]
        assert "`" in command or command.startswith("the same"), row


def test_every_exit_code_is_listed() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", text_of("docs/commands.md"), re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == dict(EXIT_CODES)


# ---------------------------------------------------------------------- the night and the report


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer["hypothesis"][:40])
def test_every_answer_is_an_experiment_for_either_question(answer: dict[str, object]) -> None:
    drafts = read_reply(Reply(model="scripted", arguments=answer), Sources.of(SOURCE))
    assert isinstance(drafts, tuple) and drafts[0].edits
    configuration = answer["configuration"]
    assert isinstance(configuration, dict) and set(configuration) <= set(SPACE.names)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer["hypothesis"][:40])
def test_every_answer_applies_to_the_bundled_source(answer: dict[str, object]) -> None:
    drafts = read_reply(Reply(model="scripted", arguments=answer), Sources.of(SOURCE))
    assert isinstance(drafts, tuple)
    assert isinstance(apply(SOURCE, drafts[0].edits), Applied)


def test_the_report_shows_a_kept_edit_of_the_code_and_names_the_scripted_model() -> None:
    report = text_of("docs/report.html")
    kept = re.findall(r'data-number="(\d+)" data-status="keep"', report)
    parts = [report.partition(f'id="t{number}">')[2].partition("</script>")[0] for number in kept]
    assert any("code/scripted" in part and 'class="add"' in part for part in parts)


def test_every_picture_is_shown() -> None:
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")]
    text = "".join([*pages, text_of("README.md")])
    assert not [path.name for path in (ROOT / "docs").glob("*.png") if path.name not in text]


def test_the_report_is_small_and_loads_nothing() -> None:
    report = text_of("docs/report.html")
    assert len(report.encode()) < 2**20
    assert not re.search(r'(?:src|href)="(?!#|data:,|data:text/csv;)', report)
    assert "default-src 'none'" in report


def test_pictures_are_small() -> None:
    for path in (ROOT / "docs").glob("*.png"):
        assert path.stat().st_size < 150_000, path.name
        with Image.open(path) as image:
            assert image.width >= 600
