"""What the harness itself writes into a copy of a project goes through no link of the commit's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.evaluate.folders import put_texts
from agent.evaluate.probe import Probe, put_files
from sandbox.ground.fault import SandboxFault
from sandbox.score.evaluator.outputs import place_outputs, remove_outputs
from sandbox.score.room import place_data


def probe(**changes: object) -> Probe:
    return Probe.model_validate({"commit": "c", "seed": 0, "seconds": 1, **changes})


WRITES: dict[str, Callable[[Path, Path], None]] = {
    "outputs that begin as nothing": lambda _, copy: remove_outputs(copy, ["out/profile"]),
    "outputs that are handed on": lambda source, copy: place_outputs(source, ["out/profile"], copy),
    "perturbed files": lambda _, copy: put_texts(copy, {"out/profile": "evil"}),
    "a probe's files": lambda _, copy: put_files(copy, probe(texts={"out/profile": "evil"})),
    "a probe's new files": lambda _, copy: put_files(copy, probe(texts={"out/a/new": "evil"})),
    "what a probe removes": lambda _, copy: put_files(copy, probe(removed=("out/profile",))),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_link_in_a_commit_leads_no_write_out_of_the_copy(
    tmp_path: Path, write: Callable[[Path, Path], None]
) -> None:
    """`out -> /home/you`, and an output `out/.bashrc`: it would run at your next login."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "profile").write_text("mine\n")
    source = tmp_path / "outputs"
    (source / "out").mkdir(parents=True)
    (source / "out" / "profile").write_text("evil\n")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "out").symlink_to(home)
    with pytest.raises(SandboxFault, match="out is a symbolic link"):
        write(source, copy)
    assert [path.name for path in home.iterdir()] == ["profile"]
    assert (home / "profile").read_text() == "mine\n"


def test_no_data_is_placed_behind_a_link_of_the_commits(tmp_path: Path) -> None:
    """The checkout of an archive may have a folder where its commit has a link."""
    home = tmp_path / "home"
    home.mkdir()
    checkout = tmp_path / "checkout"
    (checkout / "data").mkdir(parents=True)
    (checkout / "data" / "new.desktop").write_text("evil\n")
    (checkout / "plain").mkdir()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "data").symlink_to(home)
    read_only = [str(checkout / "data" / "new.desktop"), str(checkout / "plain")]
    place_data(copy, checkout, read_only)
    assert not list(home.iterdir())
    assert (copy / "plain").readlink() == checkout / "plain"
