"""Renews runs whose corpus is no longer accepted: their data is replaced, on the record.

The validation text of CORPUS = "stdlib" was Python's own library, which every training can read.
Such a run can be read as before; `resume` commits today's prepare.py to its branch, with the
owner's constants, and begins with a new baseline.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from agent.cli.build import Place, prepared
from agent.cli.consent import Consent
from agent.edit import Applied, apply
from agent.errors import ProjectFault
from agent.history.history import History
from agent.project.data import Prepared
from agent.project.template import PREPARE, beside_prepare, is_retired, template_files
from agent.records.edits import SetConstant
from agent.space import read_constants
from sandbox.ground.text import one_line
from sandbox.tiers.choose import Chosen

KEPT_CONSTANTS = (
    "TOKENIZER",
    "VOCAB_SIZE",
    "SEQUENCE_LENGTH",
    "VAL_TOKENS",
    "TRAIN_BYTES",
    "BPE_BYTES",
    "CLIMBMIX_SHARDS",
)
"""What an owner may have set; not the corpus, nor what only the old corpus's split needed."""
REASON = (
    "The validation text of this run was Python's own library, which every training can read, so "
    "its scores say little.\n"
    "prepare.py is now the one of today, with the constants that the owner had set; its data lies "
    "where no training sees it.\n"
    "Scores from before are not compared with scores from here on: the next trial is a new "
    "baseline."
)


@contextmanager
def data_of_run(
    place: Place, history: History, sandbox: Chosen, consent: Consent
) -> Iterator[Prepared | None]:
    """Yield the data on which `history` continues.

    Raise ProjectFault if it differs from the data that the run's scores were measured on.
    """
    path = place.project.prepare
    sealed = place.project.score == "sealed"
    text = history.file_at(history.tip, path) if path and sealed else ""
    if is_retired(text):
        draft = history.draft_prepare(renewed(text), beside_prepare())
        with prepared(place, draft, sandbox, consent) as data:
            assert data is not None, "a sealed score has data"
            history.change_data(draft, data.fingerprint, REASON)
            typer.echo(
                f"{one_line(str(path))} took its validation text from Python's own library, "
                "which every training can read."
            )
            typer.echo(
                f"It is replaced on {history.branch}; a new baseline comes first, and no older "
                "score is compared with it."
            )
            yield data
        return
    with prepared(place, history.tip, sandbox, consent, history.data_fingerprint) as data:
        same_data(history.run.tag, history.data_fingerprint, data)
        yield data


def renewed(text: str) -> str:
    """Return today's prepare.py with the constants of `text`."""
    own = read_constants(text)
    today = template_files()[PREPARE]
    usual = read_constants(today)
    edits = []
    for name in KEPT_CONSTANTS:
        if name in own and own[name] != usual[name]:
            edits.append(SetConstant(name=name, value=repr(own[name])))
    if not edits:
        return today
    applied = apply(today, edits)
    assert isinstance(applied, Applied), f"the constants of the template can be set: {applied}"
    return applied.source


def same_data(tag: str, measured_on: str | None, data: Prepared | None) -> None:
    """Raise ProjectFault if `data` is not the validation data of a run's scores."""
    if data and data.fingerprint != measured_on:
        raise ProjectFault(
            f"The validation data here ({data.fingerprint[:12]}) is not what this run was "
            f"measured on ({(measured_on or 'none')[:12]}): another corpus.",
            f"autoresearch start --from {tag}   # a new run from its newest state",
        )
