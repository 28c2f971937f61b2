"""Edits as data: made in a file's syntax tree, found again by comparing two files, and guarded before they cost a training."""

from agent.edit.apply import Applied, apply
from agent.edit.diff import diff, normalise
from agent.edit.fingerprint import fingerprint
from agent.edit.guard import guard
from agent.edit.size import code_lines

__all__ = ["Applied", "apply", "code_lines", "diff", "fingerprint", "guard", "normalise"]
