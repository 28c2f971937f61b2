"""The entry point of the `autoresearch` command and of `python -m agent`."""

import sys


def main() -> None:
    """Run the command that was typed.

    Ctrl-C while the modules load ends it without a traceback, as later.
    """
    try:
        from agent.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
