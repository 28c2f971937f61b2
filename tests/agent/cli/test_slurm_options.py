"""Options of Slurm: checked before anything is made, and handed to a process that goes on."""

import pytest

from agent.cli.detach import words_of
from agent.cli.slurm_options import OnSlurm
from agent.errors import UsageFault
from agent.evaluate.engines import read_where
from agent.evaluate.where import Where


def test_a_partition_may_be_named_behind_slurm() -> None:
    where = read_where("slurm:gpu")
    assert OnSlurm().request(where, 8, 1).partition == "gpu"
    assert OnSlurm(partition="long").request(where, 8, 1).partition == "long"


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_words_for_slurm_are_refused_elsewhere(engine: str) -> None:
    OnSlurm().check(Where(engine), None, 1)
    with pytest.raises(UsageFault, match="--gpus is for a run on Slurm"):
        OnSlurm(gpus="16").check(Where(engine), 8, 1)
    with pytest.raises(UsageFault, match="--driver is for a run on Slurm"):
        OnSlurm(driver="inside").check(Where(engine), 8, 1)


def test_the_process_that_goes_on_is_told_the_same_words() -> None:
    typed = OnSlurm(partition="gpu", gpus="a100:16", cpus=8, driver="inside")
    assert typed.goes_inside(read_where("slurm"))
    words = words_of(**typed.flags)
    assert words == ["--partition=gpu", "--gpus=a100:16", "--cpus=8"], (
        "and itself stays where it is"
    )
