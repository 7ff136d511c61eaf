"""`make pictures`: every page, light, dark and on a phone, into a folder for review; and those that the docs show.

An instance of its own is started, filled with made-up posts, and looked at.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from deploy.local.stack import Stack
from shared.settings import PACKAGE_ROOT, load
from tests.browser.chromium import FLAGS, chromium
from tests.browser.instance import Instance, dashboard, filled, sign_in
from tests.browser.pages import PAGES, Page
from tests.browser.watching import PHONE, WIDE

DOCS = PACKAGE_ROOT / "docs" / "pictures"
# So many bytes has a picture of the docs at most.
MOST_BYTES = 150_000
_WAYS = {"light": (WIDE, "light"), "dark": (WIDE, "dark"), "phone": (PHONE, "light")}
_PATIENCE_MS = 30_000
_COLOURS = 64


def take(browser: Browser, instance: Instance, folder: Path, names: dict[str, str]) -> list[Path]:
    """A picture of each page in each way, named `page-way.png`; those of the docs into the docs."""
    taken = []
    for way, (size, theme) in _WAYS.items():
        for role in dict.fromkeys(page.role for page in PAGES):
            context = browser.new_context(
                base_url=instance.home, viewport=size, color_scheme=theme, reduced_motion="reduce", timezone_id="UTC"
            )
            context.set_default_timeout(_PATIENCE_MS)
            tab = context.new_page()
            if role is not None:
                tab.goto("/sign-in")
                sign_in(tab, role)
            for page in (one for one in PAGES if one.role == role):
                tab.goto(page.address.format(**names))
                tab.locator(".htmx-request").first.wait_for(state="detached")
                path = folder / f"{page.name}-{way}.png"
                tab.screenshot(path=path, full_page=True)
                taken.append(path)
                if way in page.docs:
                    taken.append(_for_docs(tab.screenshot(), page, way))
            context.close()
    return taken


def _for_docs(picture: bytes, page: Page, way: str) -> Path:
    DOCS.mkdir(exist_ok=True)
    path = DOCS / f"{page.name}-{way}.png"
    # Pages have few colours.
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(_COLOURS).save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path.name} is larger than {MOST_BYTES} bytes: show less of the page")
    return path


def pictures(folder: Annotated[Path, typer.Argument(help="Where the pictures for review go.")]) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        settings = load(data_dir=Path(place), kafka_bootstrap=None, redis_url=None, triton_url=None)
        with Stack(settings, servers=("kafka", "redis"), topics=True) as stack:
            settings = settings.model_copy(update=dict(stack.addresses))
            filled(settings)
            with dashboard(settings, Path(place)) as instance, sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
                taken = take(browser, instance, folder, instance.names())
                browser.close()
    typer.echo(f"{len(taken)} pictures, in {folder} and {DOCS.relative_to(PACKAGE_ROOT)}")


if __name__ == "__main__":
    typer.run(pictures)
