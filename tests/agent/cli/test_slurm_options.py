"""Options of Slurm: checked before anything is made, and handed to a process that goes on."""

import pytest

from agent.cli.detach import words_of
from agent.cli.slurm_options import OnSlurm
from agent.cli.working import manner_of
from agent.errors import UsageFault
from agent.evaluate.engines import read_where
from agent.evaluate.where import Where


def test_a_partition_may_be_named_behind_slurm() -> None:
    where = read_where("slurm:gpu")
    assert OnSlurm().request(where, 8, 1).partition == "gpu"
    assert OnSlurm(partition="long").request(where, 8, 1).partition == "long"


@pytest.mark.parametrize(("on", "words"), [("ray", ["--workers=4", "--on=ray"]), (None, [])])
def test_a_process_that_goes_on_elsewhere_is_told_how_many_may_train(
    on: str | None, words: list[str]
) -> None:
    manner = manner_of(
        on, OnSlurm(), 4, (), None, trust=False, unsafe=False, detach=True, as_json=False
    )
    assert manner.words() == words


def test_memory_is_asked_for_as_slurm_says_it() -> None:
    assert OnSlurm(gpus="2", mem="32G").request(Where("slurm"), 8, 1).memory == "32G"
    with pytest.raises(UsageFault, match="--mem"):
        OnSlurm(mem="32G\n#SBATCH --wrap=x").check(Where("slurm"), 8, 1)


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_words_for_slurm_are_refused_elsewhere(engine: str) -> None:
    OnSlurm().check(Where(engine), None, 1)
    with pytest.raises(UsageFault, match="--gpus is for a run on Slurm"):
        OnSlurm(gpus="16").check(Where(engine), 8, 1)
    with pytest.raises(UsageFault, match="--driver is for a run on Slurm"):
        OnSlurm(driver="inside").check(Where(engine), 8, 1)


def test_what_the_nodes_lack_is_asked_where_they_are() -> None:
    assert OnSlurm().doctor(Where("ray", "ray://head:10001")) == (
        "autoresearch doctor --on ray://head:10001"
    )
    on_nodes = OnSlurm(account="a", gpus="16").doctor(Where("slurm", "gpu"))
    assert on_nodes.startswith("srun --partition=gpu --account=a ")
    assert on_nodes.endswith(" -P -m autoresearch doctor")


def test_the_process_that_goes_on_is_told_the_same_words() -> None:
    typed = OnSlurm(partition="gpu", gpus="a100:16", cpus=8, mem="32G", driver="inside")
    assert typed.goes_inside(read_where("slurm"))
    words = words_of(**typed.flags)
    assert words == ["--partition=gpu", "--gpus=a100:16", "--cpus=8", "--mem=32G"], (
        "and itself stays where it is"
    )
