"""Where the `autoresearch` command begins: `python -m agent` does the same."""

import sys


def main() -> None:
    """Run the command that was typed. Ctrl-C while the modules load ends it as Ctrl-C does later, without a traceback."""
    try:
        from agent.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
