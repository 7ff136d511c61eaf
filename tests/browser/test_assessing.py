"""A single report is assessed by its forms and leaves as a message: what is refused, what is kept, and what the history says."""

from __future__ import annotations

import re
from pathlib import Path

import e2br3
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.instance import Instance
from tests.browser.made_up import single
from tests.browser.watching import Watch, violations

NARRATIVE = "A patient took assessamycin and was ill for a week."
# By question: the first, second and fifth say something for the drug, the others are not known.
NARANJO = dict.fromkeys(range(1, 11), "unknown") | {1: "yes", 2: "yes", 5: "no"}


def form(page: Page, name: str) -> Locator:
    """One of the forms of the case, unfolded."""
    found = page.locator("#dossier details", has=page.locator("summary", has_text=name))
    if found.get_attribute("open") is None:
        found.locator("summary").click()
    return found


def saved(page: Page, name: str, why: str) -> None:
    """Save a form with its reason, by the keyboard; what was open stays open, and one stays where one is."""
    here = form(page, name)
    here.get_by_label("Why").fill(why)
    page.keyboard.press("Enter")
    expect(page.locator(".toast").last).to_contain_text("Saved")
    page.locator(".toast").last.evaluate("one => one.remove()")
    expect(here).to_have_attribute("open", "")
    expect(here.locator("summary")).to_be_focused()


def test_a_case_is_assessed_exported_and_its_history_says_so(
    look: Open, instance: Instance, watch: Watch, tmp_path: Path
) -> None:
    alert = single("assessamycin")
    instance.write(alert)
    page = look("assessor")
    page.goto("/alerts?q=assessamycin")
    page.locator(f"#a-{alert.id} a").click()
    page.get_by_role("button", name="Open a case").click()
    expect(page.locator("#case-title")).to_be_visible()

    # What is incomplete does not leave: the page says why at the form, and keeps what was typed.
    export = page.locator("#export")
    export.get_by_label("Sender").fill("ACME")
    export.get_by_label("Receiver").fill("EVTEST")
    export.get_by_label("MedDRA LLT code").fill("90000041")
    export.get_by_label("Why").fill("sent on")
    message = export.get_by_role("button", name="E2B(R3) message")
    watch.foreseen.add(422)
    message.click()
    expect(export.get_by_role("alert")).to_contain_text("may not be submitted")
    expect(export.get_by_role("alert")).to_contain_text("there is no narrative")
    expect(export.get_by_label("Sender")).to_have_value("ACME")
    assert violations(page) == []

    criteria = form(page, "Minimum criteria and day 0")
    for name in ("identifiable reporter", "identifiable patient", "suspect product", "adverse reaction"):
        criteria.get_by_role("radiogroup", name=name).get_by_label("met", exact=True).check()
    criteria.get_by_label("Day 0").fill("2026-03-02")
    saved(page, "Minimum criteria and day 0", "call back")
    serious = form(page, "Seriousness")
    for group in serious.get_by_role("radiogroup").all():
        hospital = "hospitalisation" in (group.get_attribute("aria-label") or "")
        group.get_by_label("confirmed" if hospital else "rejected").check()
    saved(page, "Seriousness", "letter of the hospital")
    form(page, "Causality: WHO-UMC").get_by_role("radio", name=re.compile("^probable")).check()
    saved(page, "Causality: WHO-UMC", "read it twice")
    naranjo = form(page, "Causality: Naranjo")
    for number, word in NARANJO.items():
        naranjo.locator(f"input[name='naranjo.{number}'][value={word}]").check()
    expect(naranjo.locator("[data-score]")).to_have_text("Score 5: probable")
    saved(page, "Causality: Naranjo", "by the questions")
    form(page, "Narrative").get_by_label("In your own words").fill(NARRATIVE)
    saved(page, "Narrative", "from the call")

    export.get_by_label("Sender").fill("ACME")
    export.get_by_label("Receiver").fill("EVTEST")
    export.get_by_label("MedDRA LLT code").fill("90000041")
    export.get_by_label("Why").fill("sent to the agency")
    with page.expect_download() as leaving:
        message.click()
    assert leaving.value.suggested_filename.endswith(".xml")
    leaving.value.save_as(tmp_path / "case.xml")
    batch = e2br3.parse(tmp_path / "case.xml")
    assert (batch.sender, batch.receiver, batch.batch_type.code) == ("ACME", "EVTEST", "1")
    report = batch.messages[0].icsr
    assert report.narrative == NARRATIVE
    [reaction] = report.reactions
    assert (reaction.meddra.code, reaction.hospitalisation) == ("90000041", True)
    [drug] = report.drugs
    assert "assessamycin" in str(drug)
    assert "probable" in str(drug)

    history = page.locator("#history")
    row = history.locator("li", has_text="sent to the agency")
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over <= 0, f"{over} px too wide with all forms open"
    expect(row).to_contain_text("export by assessor")
    # What was refused did not leave, and is not said to have.
    expect(history.locator("li", has_text=re.compile("export"))).to_have_count(1)
