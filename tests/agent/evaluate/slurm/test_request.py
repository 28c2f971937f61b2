"""What may be asked of Slurm, and the batch file that says it."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UsageFault, WrongOption
from agent.evaluate.slurm.request import MARGIN_MINUTES, MAX_MINUTES, Request, request_of
from agent.evaluate.slurm.script import NODE, batch_file

PYTHON = "/opt/venv/bin/python"
FOLDER = Path("/home/me/.local/state/autoresearch/slurm/night-1129-ab12")


def written(request: Request, **more: Any) -> str:
    return batch_file(request, "night", FOLDER, PYTHON, **more)


def options(text: str) -> list[str]:
    return [line.removeprefix("#SBATCH ") for line in text.splitlines() if "#SBATCH" in line]


def test_sixteen_gpus_for_a_night() -> None:
    request = request_of(
        hours=8, partition="gpu", gpus="a100:16", account="my-lab", qos="normal", cpus=8
    )
    assert request.places == 16
    assert options(written(request)) == [
        "--job-name=autoresearch-night",
        "--partition=gpu",
        "--account=my-lab",
        "--qos=normal",
        "--gpus=a100:16",
        "--cpus-per-gpu=8",
        f"--time={8 * 60 + MARGIN_MINUTES}",
        "--no-requeue",
        "--no-kill",
        "--export=NONE",
        f"--chdir={FOLDER}",
        f"--output={FOLDER}/job.log",
    ]


def test_cores_are_places_without_gpus() -> None:
    request = request_of(hours=1, workers=2, cpus=4, memory="8G")
    text = options(written(request))
    assert {"--ntasks=2", "--cpus-per-task=4", "--mem-per-cpu=2048M"} <= set(text)


@pytest.mark.parametrize(
    ("words", "options_there", "others"),
    [
        ({"gpus": "4", "memory": "32G"}, {"--gpus=4", "--mem-per-gpu=32G"}, "--cpus"),
        ({"constraint": "a100&nvme"}, {"--constraint=a100&nvme", "--ntasks=1"}, "--mem"),
        ({"memory": "512K"}, {"--cpus-per-task=1", "--mem-per-cpu=1M"}, "--gpus"),
        ({"memory": "1T", "cpus": 2}, {"--mem-per-cpu=524288M"}, "--gpus"),
        ({"memory": "900M", "cpus": 2}, {"--mem-per-cpu=450M"}, "--partition"),
        ({"memory": "3K", "cpus": 1}, {"--mem-per-cpu=1M"}, "--account"),
    ],
)
def test_memory_and_cores_are_asked_for_as_slurm_counts_them(
    words: dict[str, Any], options_there: set[str], others: str
) -> None:
    said = options(written(request_of(hours=1, **words)))
    assert options_there <= set(said)
    assert not [option for option in said if option.startswith(others)]


@pytest.mark.parametrize(
    ("time", "minutes"),
    [("1", 1), ("90", 90), ("90:30", 90), ("8:30:00", 510), ("1-12", 2160), ("1-12:30:00", 2190)],
)
def test_times_are_read_as_slurm_reads_them(time: str, minutes: int) -> None:
    assert request_of(hours=None, time=time).minutes == minutes


def test_an_allocation_outlives_its_session_and_has_an_end() -> None:
    assert request_of(hours=0.51).minutes == 31 + MARGIN_MINUTES, "minutes are rounded up"
    assert request_of(hours=1e6).minutes == MAX_MINUTES
    assert request_of(hours=8, time="90").minutes == 90, "what is typed comes first"
    assert request_of(hours=1, gpus="65536", cpus=4096).places == 65_536
    for words in ({"gpus": "65537"}, {"cpus": 4097}, {"time": "367-0"}):
        with pytest.raises(UsageFault, match="Slurm would understand"):
            request_of(hours=1, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words",
    [
        {"partition": "gpu\n#SBATCH --requeue"},
        {"partition": "gpu --export=ALL"},
        {"partition": ""},
        {"account": "lab;reboot"},
        {"account": "-A"},
        {"qos": "$(id)"},
        {"constraint": "a100 --uid=0"},
        {"constraint": "`id`"},
        {"constraint": "a\x00b"},
        {"gpus": "0"},
        {"gpus": "many"},
        {"gpus": "1e3"},
        {"gpus": "a100:4,h100:4"},
        {"gpus": "１６"},
        {"time": "8h"},
        {"time": "0"},
        {"time": "-5"},
        {"cpus": 0},
        {"memory": "lots"},
    ],
    ids=str,
)
def test_words_that_are_no_names_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(WrongOption, match="Slurm would understand") as caught:
        request_of(hours=1, **words)
    option = f"--{next(iter(words)).replace('memory', 'mem')}"
    assert caught.value.option == option
    assert request_of(hours=1, **{next(iter(words)): _typed(caught.value.example)})


def _typed(example: str) -> str | int:
    return int(example) if example.isdecimal() and example != "16" else example


def test_an_allocation_without_an_end_is_refused() -> None:
    with pytest.raises(UsageFault, match="needs an end"):
        request_of(hours=None)


@pytest.mark.parametrize("folder", ["/home/me/my %j", "/home/me/it's", "/home/a\nb", "relative"])
def test_a_folder_that_sbatch_would_read_otherwise_is_refused(folder: str) -> None:
    with pytest.raises(UsageFault, match="plain letters"):
        batch_file(request_of(hours=1), "night", Path(folder), PYTHON)


def test_a_tag_is_checked_again_before_it_is_written() -> None:
    with pytest.raises(UsageFault, match="not a tag"):
        batch_file(request_of(hours=1), "night\n#SBATCH --requeue", FOLDER, PYTHON)


@pytest.mark.parametrize("driver", [(), ("/home/me/it's here", PYTHON, "-m", "autoresearch")])
def test_bash_reads_the_file_as_it_was_meant(driver: tuple[str, ...]) -> None:
    text = written(request_of(hours=1), libraries="/opt/lib dir", driver=driver)
    assert text.startswith("#!/bin/bash\n") and f"{PYTHON} -P -m " in text
    checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "env 'LD_LIBRARY_PATH=/opt/lib dir' " in text
    if driver:
        assert f"cd {shlex.quote(driver[0])} || exit" in text


SRUN = """#!/bin/sh
trap 'echo ended >> {0}/said; exit 3' TERM
echo "$@" > {0}/said
for i in $(seq {1}); do sleep 0.01; done
exit 3
"""


@pytest.mark.parametrize(("driver", "code"), [(True, 7), (False, 3)])
def test_a_job_ends_with_its_driver_or_as_its_cluster_ends(
    tmp_path: Path, driver: bool, code: int
) -> None:
    (tmp_path / "srun").write_text(SRUN.format(tmp_path, 500 if driver else 0))
    (tmp_path / "srun").chmod(0o755)
    waits = "until test -s said; do sleep 0.01; done; exit 7"
    command = (str(tmp_path), "sh", "-c", waits) if driver else ()
    (tmp_path / "job").write_text(written(request_of(hours=1), driver=command))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NUM_NODES": "2"}
    ran = subprocess.run(["bash", tmp_path / "job"], env=environment, timeout=60)
    said = (tmp_path / "said").read_text().splitlines()
    assert (ran.returncode, said[1:]) == (code, ["ended"] if driver else [])
    assert said[0].startswith("--nodes=2 --ntasks=2 ") and "LD_LIBRARY_PATH" not in said[0]
    assert said[0].endswith(f"--export=NONE {PYTHON} -P -m {NODE} {FOLDER}")


def test_a_driver_that_ends_at_once_decides_too(tmp_path: Path) -> None:
    (tmp_path / "srun").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "srun").chmod(0o755)
    command = (str(tmp_path), "sh", "-c", "exit 7")
    (tmp_path / "job").write_text(written(request_of(hours=1), driver=command))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NUM_NODES": "1"}
    ran = [
        subprocess.run(["bash", tmp_path / "job"], env=environment, stderr=subprocess.DEVNULL)
        for _ in range(5)
    ]
    assert [each.returncode for each in ran] == [7] * 5


def test_no_secret_and_no_variable_of_the_user_is_in_the_file() -> None:
    text = written(request_of(hours=1))
    assert "token" not in text
    assert "ALL" not in text
    assert "export " not in text
