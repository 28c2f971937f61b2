"""A run as one file: what it shows, that it loads nothing, and that its text is inert."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import chain

import pytest

from agent.dashboard.charts import Curves, Scale, Staircase, slices
from agent.dashboard.highlight import MAX_LINES, diff_lines
from agent.dashboard.markdown import as_markdown, markdown_report
from agent.dashboard.render import report
from agent.dashboard.view import View
from agent.judge.comparison import Comparison, Measurement
from agent.records.results import Pair, Trial
from tests.agent.dashboard.nights import HOSTILE, diff, diffs_of, hostile, night, settings, trial


class Tags(HTMLParser):
    """The tags and attributes of a page, and of the parts kept in its text/html scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script" and dict(attrs).get("type") == "text/html"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self._inside = False
            self.tags += Tags(data).tags


def page_of(view: View) -> str:
    """Return the report, with each trial's hypothesis in its diff."""
    return report(view, diffs_of(view))


@pytest.mark.parametrize("length", [0, 1, 40])
def test_a_report_loads_nothing_and_styles_nothing_inline(length: int) -> None:
    tags = Tags(page_of(night(length))).tags
    names = set(chain.from_iterable(attributes for _, attributes in tags))
    assert not [name for name in names if name.startswith("on") or name in ("style", "src")]
    assert {attributes["href"] for tag, attributes in tags if tag == "link"} == {"data:,"}
    links = [str(attributes["href"]) for tag, attributes in tags if tag == "a"]
    assert all(link.startswith(("#", "data:text/csv;")) for link in links)


def policy_of(tags: list[tuple[str, dict[str, str | None]]]) -> str:
    """Return the security policy that a page states."""
    [policy] = [
        str(attributes["content"])
        for _, attributes in tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    return policy


def test_its_security_policy_names_its_own_script_and_style_only() -> None:
    tags = Tags(page_of(night(2))).tags
    policy = policy_of(tags)
    assert policy != policy_of(Tags(page_of(night(2))).tags), "nobody can know the nonce beforehand"
    [nonce] = {
        str(attributes["nonce"])
        for tag, attributes in tags
        if tag in ("style", "script")
        and attributes.get("type") not in ("text/html", "application/json")
    }
    assert f"script-src 'nonce-{nonce}'" in policy
    assert policy.startswith("default-src 'none'")


def test_the_first_screen_answers_the_questions_in_their_order() -> None:
    view = night(120)
    text = re.sub(r"<[^>]*>", " ", page_of(view).partition("<main")[2])
    best = view.best
    gain = view.gain
    assert best and gain and view.noise.scatter
    answers = [
        "not running",
        f"{best.value:.6f}",
        f"{gain:+.6f}",
        f"{-gain / view.noise.scatter:.1f}×",
        "120",
        f"{len(view.gains)} kept",
        "$7.20",
    ]
    places = [text.index(answer) for answer in answers]
    assert places == sorted(places)
    for best_gain in view.gains[:3]:
        assert f"#{best_gain.trial.number} " in text


def test_every_trial_is_there_with_claim_and_record() -> None:
    view = night(40)
    page = page_of(view)
    for each in view.trials:
        part = page.partition(f'id="t{each.number}">')[2].partition("</script>")[0]
        assert each.reason in part
        assert each.status in part
        assert ("No constant changed." in part) == (not each.changes)
        assert ('class="diff"' in part) == (each.status != "refused")


def attributes_of(page: str) -> set[tuple[str, str]]:
    """Return the attributes that a page uses, each with its tag."""
    names: set[tuple[str, str]] = set()
    for tag, attributes in Tags(page).tags:
        names.update((tag, name) for name in attributes)
    return names


def test_hostile_text_is_only_text() -> None:
    view = hostile()
    page = page_of(view)
    harmless = attributes_of(page_of(night(len(HOSTILE) + 1))) | {("strong", ""), ("td", "class")}
    assert attributes_of(page) - harmless <= {
        ("details", "open"),
        ("path", "class"),
        ("path", "d"),
        ("pre", "class"),
        ("p", "class"),
    }
    assert not [tag for tag, _ in Tags(page).tags if tag in ("img", "textarea", "b", "iframe")]
    assert page.count("<script nonce=") == 1
    # The page's own, the losses, and one for each trial: data that nothing runs.
    assert page.count("<script") == 2 + len(view.trials)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page)
    assert "49" not in [word.strip() for word in re.findall(r"<span>([^<]*)</span>", page)], (
        "a template in a hypothesis is not run"
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert_in_markdown(text: str) -> None:
    line = as_markdown(text)
    bare = re.sub("&#[0-9]+;", "\0", line.replace("<!-- -->", "\0"))
    assert not re.search(r"[<>`|\[\]*]|@\w|#\d|://", bare)
    assert "\n" not in line
    assert line.replace("<!-- -->", "").isprintable()


def test_the_markdown_report_is_short_and_says_what_was_kept() -> None:
    view = night(200)
    text = markdown_report(view)
    assert len(text.splitlines()) < 100
    for gain in view.gains:
        assert f"| #{gain.trial.number} |" in text
    assert f"**{view.best.value:.6f} val_bpb**" in text  # type: ignore[union-attr]
    assert "No trial has a score yet." in markdown_report(night(0))


def test_what_was_measured_again_is_shown_beside_the_claim() -> None:
    view = night(40)
    assert view.best is not None
    pairs = tuple(
        Pair(seed=seed, candidate=1.0 + 0.001 * seed, incumbent=1.2) for seed in (5, 6, 7)
    )
    comparison = Comparison(what="best", trial=view.best.number, pairs=pairs)
    measurement = Measurement(
        kind="replicate",
        against="the baseline #0",
        comparisons=(comparison,),
        machine="m",
        command="autoresearch replicate",
        at="2026-11-25T00:00:00+00:00",
    )
    measured = replace(view, measurements=(measurement,))
    page = page_of(measured)
    assert "Measured again, against the baseline: better: -0.194000" in page
    interval = "95 % from -0.196484 to -0.191516 (3 pairs)"
    assert f"better: -0.194000, {interval}, against the baseline #0" in page
    assert "- measured again, against the baseline: better: -0.194000" in markdown_report(measured)
    assert "easured again" not in page_of(view) + markdown_report(view)


def test_a_status_of_a_later_version_is_shown_as_it_is() -> None:
    kept = trial(1, "keep", 0.99, -0.01, "an idea")
    later = kept.model_copy(update={"status": "simplified"})
    page = report(View("autoresearch/t", settings(), (*night(1).trials, later)), {})
    assert "simplified" in page
    assert "s-other" in page


# ---------------------------------------------------------------- diffs


def test_a_diff_has_line_numbers_signs_and_colours() -> None:
    lines = diff_lines(diff(3))
    assert [(line.kind, line.old, line.new) for line in lines] == [
        ("note", None, None),
        ("head", None, None),
        ("same", 10, 10),
        ("del", 11, None),
        ("add", None, 11),
        ("add", None, 12),
        ("same", 12, 13),
        ("same", 13, 14),
        ("same", 14, 15),
    ]
    assert '<span class="k">return</span>' in lines[3].html
    assert lines[0].html == "workspace/train.py"


def test_what_looks_like_a_header_inside_a_hunk_is_a_line() -> None:
    text = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n"
    text += "--- a comment in SQL\n+++ plus\n same\n"
    assert [line.kind for line in diff_lines(text)] == ["note", "head", "del", "add", "same"]


def test_a_huge_diff_is_cut_and_says_so() -> None:
    text = "diff --git a/x b/x\n@@ -0,0 +1,2000 @@\n" + "".join(f"+x = {i}\n" for i in range(2000))
    lines = diff_lines(text)
    assert len(lines) == MAX_LINES + 1
    assert "1402 more lines" in lines[-1].html


def test_a_string_over_many_lines_keeps_its_colour() -> None:
    text = 'diff --git a/x b/x\n@@ -1,3 +1,3 @@\n """one\n-two\n+three\n four"""\n'
    assert all('class="sd"' in line.html for line in diff_lines(text)[2:])
    assert diff_lines("") == []


# ---------------------------------------------------------------- charts


def test_the_staircase_steps_at_each_keep_and_at_nothing_else() -> None:
    view = night(60)
    chart = Staircase(view)
    assert chart.steps.count("V") == len(view.gains)
    assert len(chart.dots) + len(chart.failures) == len(view.trials)
    assert all(
        chart.frame.left <= dot.x <= chart.frame.right for dot in (*chart.dots, *chart.failures)
    )
    assert chart.band.endswith("Z")


def test_a_score_far_away_does_not_flatten_the_staircase() -> None:
    far = trial(50, "discard", 40.0, 39.0, "diverged")
    view = night(50)
    chart = Staircase(View(view.branch, view.run, (*view.trials, far)))
    assert chart.y.high < 1.1
    assert [dot.trial.number for dot in chart.dots if dot.clipped][-1:] == [50]


def test_ticks_are_round_and_told_apart() -> None:
    assert [label for _, label in Scale(0.9731, 0.9979, 0, 100).ticks()] == [
        "0.975",
        "0.980",
        "0.985",
        "0.990",
        "0.995",
    ]
    assert [label for _, label in Scale(0, 1000, 0, 100).ticks()] == [
        "0",
        "200",
        "400",
        "600",
        "800",
        "1000",
    ]
    assert Scale(1, 1, 0, 100).ticks() == [(50.0, "1")]


def test_constants_are_sliced_even_if_they_are_words() -> None:
    cuts = {cut.name: cut for cut in slices(night(60))}
    assert set(cuts) == {"EMBEDDING_LR", "DEPTH", "WINDOW_PATTERN"}
    assert cuts["WINDOW_PATTERN"].ends == ("LLLL", "SSSL")
    assert slices(night(1)) == []


def test_curves_lie_in_their_frame() -> None:
    chart = Curves([(0.1, 9.0), (0.5, 3.0), (1.0, 2.0)], [(0.1, 8.0), (1.0, 2.1)])
    assert chart.mine.count(",") == 2, "the steep fall at the start is left out"
    assert len(set(chart.incumbent.split())) == 1
    assert Curves([(0.1, 5.0)]).mine.count(",") == 2, "a line of one point is a dot"


def test_gains_are_ranked_and_compared_with_the_noise() -> None:
    view = night(80)
    sizes = [gain.size for gain in view.gains]
    assert sizes == sorted(sizes, reverse=True)
    assert view.noise.scatter
    assert view.gains[0].sigmas == pytest.approx(sizes[0] / view.noise.scatter)
    assert view.elapsed_seconds and 0 < view.elapsed_seconds - 79 * 300 < 20, "the first trains too"
    bare = Trial.model_validate(view.trials[0].model_dump() | {"at": ""})
    assert View("b", view.run, (bare,)).elapsed_seconds is None
