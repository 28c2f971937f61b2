"""The `autoresearch` command, also as `python -m autoresearch`."""

from agent.__main__ import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
