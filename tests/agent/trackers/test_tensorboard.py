"""TensorBoard's event files lie where the user said, and nowhere else."""

from pathlib import Path

import pytest

from agent.errors import UsageFault
from agent.trackers.tensorboard import TensorBoard


def test_event_files_go_through_no_link_of_a_repository(tmp_path: Path) -> None:
    (tmp_path / "own" / ".git").mkdir(parents=True)
    (tmp_path / "own" / "runs").symlink_to(tmp_path)
    with pytest.raises(UsageFault, match="none is followed in a repository"):
        TensorBoard(str(tmp_path / "own" / "runs" / "night"), tmp_path)
