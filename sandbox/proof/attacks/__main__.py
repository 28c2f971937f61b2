"""`python -I attacks/__main__.py MODULE.FUNCTION TARGETS`: makes one attack; its last line says, as JSON, what it reached."""

import importlib
import json
import os
import sys


def main() -> None:
    """TARGETS is the JSON object that traps.py and hostile.py set up."""
    sys.path.append(os.path.dirname(__file__))
    module, function = sys.argv[1].split(".")
    reached = getattr(importlib.import_module(module), function)(json.loads(sys.argv[2]))
    print("\n" + json.dumps(reached or {}))


if __name__ == "__main__":
    main()
