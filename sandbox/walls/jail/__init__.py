"""The launcher, a process of its own: builds the walls of its plan and becomes the command.

The process reads a marshalled plan (see sandbox/walls/plan.py) from the descriptor in its argument.
The harness wrote it and made every decision, so nothing here knows a policy. It imports little,
because its start is part of each trial's cost: no pathlib, ctypes, resource, signal, typing or
__future__, each of which would add up to milliseconds.

It is imported by name from this folder (see sandbox/walls/launcher.py) and finds its own modules by
relative imports only: inside tier A's root there is nothing else.
"""
