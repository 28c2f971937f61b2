"""A file with what trains where in a run on several machines, for `status` to read.

It is written by the session that works on the run, and is useful, never needed.
"""

from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from agent.display.places import HERE, Places, after
from agent.git.home import no_link, run_folder, write_whole
from agent.records.events import Event

NAME = "places.json"
MAX_BYTES = 2**22


class PlacesFile:
    """Writes the places of a run to a file; none for a run on this machine alone."""

    def __init__(self, root: Path, tag: str) -> None:
        """Remove the file of an earlier session. root: the repository's top folder."""
        self._path = places_path(root, tag)
        self._places = HERE
        with suppress(OSError):
            self._path.unlink()  # of an earlier session

    def handle(self, event: Event) -> None:
        """Take in one event."""
        places = after(self._places, event)
        if places != self._places:
            self._places = places
            with suppress(OSError):
                write_whole(self._path, places.model_dump_json().encode(), lasting=False)


def read_places(root: Path, tag: str) -> Places:
    """Return the places of the process that works on a run; none if it wrote no file."""
    try:
        with open(places_path(root, tag), "rb", opener=no_link) as file:
            return Places.model_validate_json(file.read(MAX_BYTES))
    except (OSError, ValidationError):
        return HERE


def places_path(root: Path, tag: str) -> Path:
    """Return the file of a run of the repository at `root`."""
    return run_folder(root, tag) / NAME
