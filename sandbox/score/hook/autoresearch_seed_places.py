"""Tells the hook where a project calls a seeding function, and whether its seed stays there."""

from __future__ import annotations

import os
import sys

PACKAGES = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


class Places:
    """Where the project calls a seeding function, and whether its seed is to stay there."""

    def __init__(self, text: str) -> None:
        root, *kept = text.split("\n")
        self.root = root.rstrip(os.sep) + os.sep
        self.files = {entry for entry in kept if ":" not in entry}
        self.functions = {tuple(entry.rsplit(":", 1)) for entry in kept if ":" in entry}
        self.known: dict[str, str] = {}

    def of(self, filename: str) -> str:
        """Return a file's path in the project; "" for one of a package or of none."""
        name = self.known.get(filename)
        if name is None:
            path = os.path.normpath(os.path.join(self.root, filename))
            own = path.startswith(self.root) and not any(part in path for part in PACKAGES)
            name = path[len(self.root) :] if own and path.endswith(".py") else ""
            self.known[filename] = name
        return name

    def here(self) -> tuple[str, bool]:
        """Return `file:line` of the project's nearest frame, and whether its seed stays."""
        place = ""
        frame = sys._getframe(1)
        while frame is not None:
            name = self.of(frame.f_code.co_filename)
            if name and not place:
                place = "%s:%d" % (name, frame.f_lineno)
                if name in self.files or not self.functions:
                    return place, name in self.files
            if name and (name, frame.f_code.co_name) in self.functions:
                return place, True
            frame = frame.f_back  # type: ignore[assignment]
        return place, False
