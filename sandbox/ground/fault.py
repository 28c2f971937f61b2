"""The root of the exception tree, which agent/errors.py draws: failures of the harness."""


class Fault(Exception):
    """A failure of the harness or the machine, never of the candidate; not shown to models.

    message: what happened and where. next_command: what the user should type next, or None.
    """

    exit_code = 1

    def __init__(self, message: str, next_command: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_command = next_command


class SandboxFault(Fault):
    """This machine cannot isolate a run, or a sandbox failed during one."""

    exit_code = 4
