"""The three grants: what an agent may do with the runs that are served to it."""

from enum import StrEnum


class Grant(StrEnum):
    """Each grant includes those before it.

    No grant approves, rejects, trusts, finalizes, or raises a bound.
    """

    READ = "read"
    """The ledger and visible files."""
    TRY = "try"
    """Also trials and notes of its own, and waiting for verdicts."""
    STEER = "steer"
    """Also tell, pause, go, skip, and bounds lowered."""

    def allows(self, needed: "Grant") -> bool:
        """Return whether this grant includes the one that a tool needs."""
        order = list(Grant)
        return order.index(self) >= order.index(needed)
