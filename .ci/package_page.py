"""Makes the links of the README absolute, for the page of the package on an index.

python .ci/package_page.py https://github.com/OWNER/NAME v1.2.3

It also adds the addresses of the project to pyproject.toml. Both files are changed in the checkout
that is built, and nothing is committed: in a clone the links of the README stay paths.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PICTURE = re.compile(r'(?P<before>!\[[^\]]*\]\(|src="|srcset=")(?![a-z]+:)(?P<path>[^)"#]+)')
_LINK = re.compile(r"(?P<before>\]\()(?![a-z]+:|#)(?P<path>[^)]+)")


def absolute(readme: str, repository: str, tag: str) -> str:
    """Return the README with the addresses of what its paths name, as it was at the tag."""
    pictured = _PICTURE.sub(rf"\g<before>{repository}/raw/{tag}/\g<path>", readme)
    return _LINK.sub(rf"\g<before>{repository}/blob/{tag}/\g<path>", pictured)


def addresses(repository: str, tag: str) -> str:
    """Return the table of pyproject.toml that an index shows beside the page."""
    return f"""
[project.urls]
Repository = "{repository}"
Documentation = "{repository}/tree/{tag}/docs"
Changes = "{repository}/blob/{tag}/CHANGELOG.md"
Issues = "{repository}/issues"
"""


def main() -> None:
    """Change the files of this checkout."""
    repository, tag = sys.argv[1:]
    readme = ROOT / "README.md"
    readme.write_text(absolute(readme.read_text(encoding="utf-8"), repository, tag), "utf-8")
    with (ROOT / "pyproject.toml").open("a", encoding="utf-8") as metadata:
        metadata.write(addresses(repository, tag))


if __name__ == "__main__":
    main()
