"""What the site needs beside MkDocs: sections of README.md in pages, and links that leave docs/.

A page that holds `[Title](../README.md#anchor)` alone in a paragraph shows that section of README.md in its place: in the
repository it is a link, and the text is written once. A link to a file or folder that the site does not have becomes its path.
"""

from __future__ import annotations

import logging
import os.path
import re
from pathlib import Path
from typing import Any

log = logging.getLogger("mkdocs.hooks.adrwatch")

_SECTION = re.compile(r"^\[[^\]]+\]\(((?:\.\./)+README\.md)#([\w-]+)\)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_ELSEWHERE = re.compile(r"^[a-z]+:")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Called by MkDocs with the text of each page; gives the text to render."""
    repository = Path(config.config_file_path).parent
    here = Path(page.file.abs_src_path).parent
    shown = _SECTION.sub(lambda found: section(here / found[1], found[2], here), markdown)
    parts = _FENCED.split(shown)
    parts[::2] = [
        _LINK.sub(lambda found: _link(found, here, repository, Path(config.docs_dir)), part) for part in parts[::2]
    ]
    return "".join(parts)


def section(file: Path, anchor: str, here: Path) -> str:
    """A section of a file with its heading, its links as a page in the folder `here` must give them."""
    for text in re.split(r"^(?=## )", file.read_text(encoding="utf-8"), flags=re.MULTILINE):
        heading = text.splitlines()[0].removeprefix("## ")
        if anchor == re.sub(r"\W+", "-", heading.lower()).strip("-"):
            return _LINK.sub(lambda found: _moved(found, file.resolve().parent, here), text.strip())
    log.warning("%s has no section #%s", file.name, anchor)
    return ""


def _moved(found: re.Match[str], was: Path, here: Path) -> str:
    if _ELSEWHERE.match(found["target"]):
        return found.group()
    return f"[{found['text']}]({os.path.relpath(was / found['target'], here)}{found['anchor'] or ''})"


def _link(found: re.Match[str], here: Path, repository: Path, docs: Path) -> str:
    if _ELSEWHERE.match(found["target"]):
        return found.group()
    target = (here / found["target"]).resolve()
    if target.is_relative_to(docs) and not target.is_dir():
        return found.group()
    if not target.exists():
        log.warning("%s: no such file or folder: %s", here, found["target"])
    return f"{found['text']} (`{target.relative_to(repository)}`)"
