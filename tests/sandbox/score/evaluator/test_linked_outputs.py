"""Outputs behind a link of the project's commit, on every tier: the harness itself would write."""

import pytest

from sandbox.ground.fault import SandboxFault
from tests.sandbox.score.evaluator.stage import evaluated


@pytest.mark.parametrize("begins", ["as nothing", "as edits leave it"])
def test_no_output_is_written_through_a_link_of_the_commits(place, tmp_path, begins):
    """`out -> your home`, an output `out/profile`: the harness itself would write there."""
    (tmp_path / "profile").write_text("mine")
    outputs = ("out/profile",)
    run = """
        import os

        os.unlink("out")
        os.mkdir("out")
        with open("out/profile", "w") as file:
            file.write("evil")
        """
    with pytest.raises(SandboxFault, match="out is a symbolic link"):
        evaluated(
            place,
            "report(acc=1)",
            run=run,
            outputs=outputs,
            stale=outputs if begins == "as nothing" else (),
            links={"out": tmp_path},
        )
    assert (tmp_path / "profile").read_text() == "mine"
