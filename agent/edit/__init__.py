"""Edits as data: applied to files, computed from the difference of files, and checked."""

from agent.edit.apply import Applied, apply
from agent.edit.diff import diff
from agent.edit.fingerprint import fingerprint
from agent.edit.size import code_lines

__all__ = ["Applied", "apply", "code_lines", "diff", "fingerprint"]
