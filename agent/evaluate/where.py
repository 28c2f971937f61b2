"""Names where the trials of a session run, without loading any engine."""

from dataclasses import dataclass

LOCAL = "local"
RAY = "ray"
SLURM = "slurm"


@dataclass(frozen=True)
class Where:
    """Where the trials of a session run, as it was typed: `local`, `ray`, `ray://head:10001`."""

    engine: str = LOCAL
    address: str = ""

    @property
    def is_local(self) -> bool:
        """Whether they run on this machine, in slots that the driver makes."""
        return self.engine == LOCAL

    def __str__(self) -> str:
        """Return the value to type after --on."""
        if "://" in self.address or not self.address:
            return self.address or self.engine
        return f"{self.engine}:{self.address}"
