"""The root of the exception tree, which agent/errors.py draws: failures of the harness."""


class Fault(Exception):
    """The harness or its surroundings failed, not the candidate; never shown to a model as its own.

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
