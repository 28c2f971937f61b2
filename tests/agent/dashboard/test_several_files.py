"""A page of a run that edits several files: every file and every name is there, none ambiguous."""

from agent.dashboard.highlight import diff_lines
from agent.dashboard.parallel import Parallel
from agent.dashboard.render import trial_part
from agent.dashboard.view import View
from agent.records.results import Change, Touched
from tests.agent.dashboard.nights import night

RENAME = """diff --git a/model/old.py b/model/new.py
similarity index 100%
rename from model/old.py
rename to model/new.py
diff --git a/conf/a.yaml b/conf/a.yaml
index 1..2 100644
--- a/conf/a.yaml
+++ b/conf/a.yaml
@@ -1 +1 @@
-lr: 1
+lr: 2
"""


def with_names(view: View, *names: str) -> View:
    """Return a run whose trials have only these constants, each with a value of its own."""
    trials = []
    for trial in view.trials:
        values = {name: float(trial.number) for name in names} if trial.configuration else {}
        trials.append(trial.model_copy(update={"configuration": values}))
    return View(view.branch, view.run, tuple(trials), (), None, (), {})


def test_a_trial_s_page_has_the_files_beside_the_claim() -> None:
    view = night(6)
    trial = next(trial for trial in view.trials if trial.result and trial.number)
    several = trial.model_copy(
        update={
            "changes": (Change(name="conf/a.yaml:lr", before=1, after=2),),
            "touched": (
                Touched(file="model/net.py", definitions=("Net.loss",)),
                Touched(file="<b>.py", how="deleted"),
            ),
        }
    )
    html = trial_part(view, several, RENAME)
    assert "conf/a.yaml:lr" in html
    assert "<li>model/net.py: Net.loss</li><li>&lt;b&gt;.py deleted</li>" in html


def test_a_renamed_file_is_one_in_a_diff() -> None:
    texts = [str(line.html) for line in diff_lines(RENAME)]
    assert texts[:4] == [
        "model/new.py",
        "rename from model/old.py",
        "rename to model/new.py",
        "conf/a.yaml",
    ]


def test_an_axis_has_the_local_name_while_it_is_the_only_one() -> None:
    names = ("conf/base.yaml:optim.lr", "conf/new.yaml:optim.lr", "model/net.py:Config.width")
    chart = Parallel(with_names(night(8), *names))
    labels = {axis.name: axis.label.removesuffix(" (log)") for axis in chart.axes}
    assert labels["model/net.py:Config.width"] == "Config.width"
    assert labels["conf/base.yaml:optim.lr"] == "base.yaml:optim.lr"
    assert labels["conf/new.yaml:optim.lr"] == "new.yaml:optim.lr"
