"""Stands for hydra.main: composes conf/ by its defaults list and takes overrides."""
import functools
import sys
from pathlib import Path
from types import SimpleNamespace

import yaml


def _node(value):
    if isinstance(value, dict):
        return SimpleNamespace(**{key: _node(item) for key, item in value.items()})
    return value


def main(config_path, config_name, version_base=None):
    def decorate(task):
        @functools.wraps(task)
        def run():
            folder = Path(sys.argv[0]).resolve().parent / config_path
            config = yaml.safe_load((folder / f"{config_name}.yaml").read_text())
            for entry in config.pop("defaults", []):
                if isinstance(entry, dict):
                    for group, choice in entry.items():
                        config[group] = yaml.safe_load((folder / group / f"{choice}.yaml").read_text())
            for override in sys.argv[1:]:
                key, _, value = override.partition("=")
                *path, last = key.split(".")
                place = config
                for part in path:
                    place = place[part]
                place[last] = yaml.safe_load(value)
            return task(_node(config))

        return run

    return decorate
