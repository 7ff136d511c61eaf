"""The site of the docs: its links lead somewhere, and nothing in it comes from another host."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from markdown.extensions.toc import slugify
from playwright.sync_api import sync_playwright

from deploy.site import hooks
from shared.settings import PACKAGE_ROOT
from tests.browser.chromium import FLAGS, chromium

README = (PACKAGE_ROOT / "README.md").read_text(encoding="utf-8")
# What a browser fetches by itself; a link that a person follows is no such thing.
FETCHED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "object": ("data",),
    "video": ("src",),
}
FOREIGN = re.compile(r"^\s*(?:[a-z]+:)?//", re.IGNORECASE)


def build(folder: Path, configuration: Path = PACKAGE_ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--config-file",
            str(configuration),
            "--site-dir",
            str(folder),
        ],
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder


class Fetches(HTMLParser):
    """Addresses that a page has its browser fetch, and all its links and anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        names = FETCHED.get(tag, ())
        # <link rel="canonical"> and the like are not fetched.
        if tag == "link" and not {"canonical", "next", "prev", "alternate"} & set((values.get("rel") or "").split()):
            names = ("href",)
        self.fetched += [address for name in names if (address := values.get(name))]


def test_no_page_and_no_style_fetches_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        found = Fetches()
        found.feed(page.read_text(encoding="utf-8"))
        assert found.fetched, page
        assert [address for address in found.fetched if FOREIGN.match(address)] == [], page
    for style in site.rglob("*.css"):
        addresses = re.findall(r"url\(['\"]?([^)'\"]+)|@import\s+['\"]([^'\"]+)", style.read_text(encoding="utf-8"))
        assert [both for both in addresses if FOREIGN.match("".join(both))] == [], style


def test_in_a_browser_without_a_network_a_page_is_whole_and_its_search_finds(site: Path) -> None:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.locator(".md-search__input").fill("dead letters")
        page.locator(".md-search-result__link").first.wait_for()
        browser.close()
    assert any(address.endswith(".css") for address in asked)
    assert [address for address in asked if not address.startswith(("file:", "data:", "blob:"))] == []


def test_the_five_minutes_are_those_of_the_readme(site: Path) -> None:
    page = (site / "start.html").read_text(encoding="utf-8")
    assert 'id="five-minutes"' in page
    assert 'href="sources/push.html"' in page
    assert "README" not in re.sub(r"<[^>]+>", "", page)


def links(markdown: str) -> Iterator[tuple[str, str]]:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", markdown):
        if not FOREIGN.match(target.partition(":")[2]):
            yield target, anchor


def anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {slugify(heading.replace("`", ""), "-") for heading in headings}


def test_every_link_of_the_readme_leads_somewhere() -> None:
    found = list(links(README))
    assert len(found) > 20
    for target, anchor in found:
        file = PACKAGE_ROOT / (target or "README.md")
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


@pytest.mark.parametrize("wrong", ["[x](away.md)", "[x](index.md#away)", "[x](../away/)", "[x](../README.md#away)"])
def test_a_link_that_leads_nowhere_fails_the_build(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# a\n\n## b\n")
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n{wrong}\n")
    whole = (PACKAGE_ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    head = whole.partition("\nnav:\n")[0].replace("deploy/site/hooks.py", hooks.__file__)
    (tmp_path / "mkdocs.yml").write_text(re.sub(r"(?m)^  (logo|favicon): .*$", "", head))
    done = build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert done.returncode != 0
    assert "away" in done.stderr


def test_a_link_to_a_file_that_the_site_does_not_have_becomes_its_path() -> None:
    page = SimpleNamespace(file=SimpleNamespace(abs_src_path=str(PACKAGE_ROOT / "docs" / "cases.md")))
    config = SimpleNamespace(config_file_path=str(PACKAGE_ROOT / "mkdocs.yml"), docs_dir=str(PACKAGE_ROOT / "docs"))
    text = "[clocks](../shared/cases/clocks.toml), [there](signals.md#x)\n```sh\n[a](../b)\n```\n"
    shown = hooks.on_page_markdown(text, page=page, config=config)
    assert shown == text.replace("[clocks](../shared/cases/clocks.toml)", "clocks (`shared/cases/clocks.toml`)")
