"""Edits as data: applied to a file, recovered by comparing two files, and checked beforehand."""

from agent.edit.apply import Applied, apply
from agent.edit.diff import diff
from agent.edit.fingerprint import fingerprint
from agent.edit.size import code_lines

__all__ = ["Applied", "apply", "code_lines", "diff", "fingerprint"]
