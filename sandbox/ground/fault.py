"""The root of the exception tree (drawn in full in agent/errors.py): what went wrong on the harness's side."""


class Fault(Exception):
    """The harness or its surroundings failed; never the candidate's own doing, never shown to a model as such.

    message: what happened and where. next_command: what the user should type next, or None.
    """

    exit_code = 1

    def __init__(self, message: str, next_command: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_command = next_command


class SandboxFault(Fault):
    """This machine cannot isolate the run, or a sandbox broke while it held one."""

    exit_code = 4
