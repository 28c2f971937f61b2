"""Packs the default corpus out of an unpacked npm package: python corpus/make.py PACKAGE/data TARGET.jsonl.xz"""

import json
import lzma
import sys
from pathlib import Path


def main() -> None:
    """Write one JSON line a speech, by year: {"key": "1790_george_washington_n", "text": ...}."""
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
