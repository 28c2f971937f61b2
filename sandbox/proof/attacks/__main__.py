"""Makes one attack: `python -I attacks/__main__.py MODULE.FUNCTION TARGETS`.

The last line that it prints reports, as JSON, what the attack reached.
"""

import importlib
import json
import os
import sys
from types import ModuleType

PACKAGE = "attacks"


def main() -> None:
    """Make the attack; TARGETS is the JSON object that traps.py and stage.py set up."""
    make_package()
    module, function = sys.argv[1].split(".")
    attack = getattr(importlib.import_module(f"{PACKAGE}.{module}"), function)
    reached = attack(json.loads(sys.argv[2]))
    print("\n" + json.dumps(reached or {}))


def make_package() -> None:
    """Make this folder a package without an import: no tier shows what lies above it."""
    package = ModuleType(PACKAGE)
    package.__path__ = [os.path.dirname(__file__)]
    sys.modules[PACKAGE] = package


if __name__ == "__main__":
    main()
