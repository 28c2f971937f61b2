"""The numbers of system calls, and those calls that more than one filter knows."""

Calls = dict[str, tuple[int | None, int | None]]
"""By name: (x86_64, aarch64), None where the call does not exist."""

CHANGES_BY_NAME: Calls = {
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
"""The calls that change attributes of a file that they name."""


def column_of(machine: str) -> int:
    """Return the place of a machine's numbers in Calls. Raise KeyError for an unknown machine."""
    return {"x86_64": 0, "aarch64": 1}[machine]


def numbers_of(calls: Calls, column: int) -> list[int]:
    """Return the numbers of calls that exist on the machine of a column."""
    numbers = [pair[column] for pair in calls.values()]
    return [number for number in numbers if number is not None]
