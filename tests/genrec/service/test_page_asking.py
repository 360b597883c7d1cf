"""What people ask of the page, and how it speaks to them: places by name, who ranks, what is kept, who is found."""

import re

import httpx
import pytest
from made_page import edit, first_line, new_person, person, sentences

pytestmark = pytest.mark.slow


def lines(site, who):
    return sentences(httpx.get(f"{site.url}/v1/people/{who}/profile").json()["sheet"])


def ask(page):
    page.get_by_role("button", name="Show places").click()


def test_places_are_called_by_their_names_and_may_be_typed_so(page, site):
    new_person(site, "ned", place="p4")
    routine = next(line for line in lines(site, "ned") if "POI" in line)
    number = re.search(r"POI (\d+)", routine)[1]
    person(page, site, "ned", "Profile")
    shown = page.get_by_role("region", name="Profile", exact=True)
    shown.locator("summary").filter(has_text="Riverside Hall").first.click()
    shown.get_by_role("listitem").filter(has_text=re.compile("Riverside Hall.*: 7 visits")).first.wait_for()
    assert "POI" not in shown.inner_text()
    assert shown.locator("summary span.place").first.get_attribute("title").startswith(f"POI {number}, ")
    page.get_by_role("button", name=f"Edit: {first_line(page)}", exact=True).click()
    field = page.get_by_label("Sentence", exact=True).locator("visible=true")
    assert "Riverside Hall" in field.input_value() and "POI" not in field.input_value()
    field.fill("Avoids riverside hall, and loves POI 0 on Mondays.")
    page.get_by_role("button", name="Save", exact=True).locator("visible=true").click()
    page.get_by_text("Saved as version 2.").wait_for()
    [new] = [line for line in lines(site, "ned") if line.startswith("Avoids")]
    assert new.startswith(f"Avoids POI {number} (") and new.endswith("), and loves POI 0 on Mondays.")
    shown.get_by_text(re.compile(r"Avoids Riverside Hall.*, and loves p\d on Mondays\.")).first.wait_for()


def test_an_edit_that_changes_nothing_leaves_what_is_kept(page, site):
    new_person(site, "abe", place="p5")  # of two places of one name, the one that abe goes to
    before = lines(site, "abe")
    person(page, site, "abe", "Profile")
    first = first_line(page)
    assert "Twin Corner" in first
    page.get_by_role("button", name=f"Edit: {first}", exact=True).click()
    assert "POI" not in page.get_by_label("Sentence", exact=True).locator("visible=true").input_value()
    page.get_by_role("button", name="Save", exact=True).locator("visible=true").click()
    page.get_by_role("button", name=f"Edit: {first}", exact=True).wait_for()
    assert lines(site, "abe") == before
    assert len(httpx.get(f"{site.url}/v1/people/abe/profile/history").json()["versions"]) == 1


def test_a_place_is_asked_for_by_its_name(page, site):
    person(page, site, "u1")
    page.get_by_label("In your own words").fill("I love Riverside Hall.")
    ask(page)
    page.get_by_text('because you said "I love Riverside Hall').wait_for()
    page.get_by_text("Read as likes: “I love Riverside Hall").wait_for()


def test_it_can_be_chosen_who_ranks_and_how_many(page, site):
    new_person(site, "lea")
    person(page, site, "lea")
    page.get_by_text("More options").click()
    page.get_by_label("Places to show").fill("2")
    for by, made in (("Your own habits alone", "your habits alone"), ("The language model", "the language model")):
        page.get_by_label("Ranked by").click()
        page.get_by_role("option", name=by).click()
        ask(page)
        page.get_by_text(f"Made by {made}").wait_for()
        assert page.locator("ol.places").first.get_by_role("listitem").count() == 2
        assert page.get_by_label("In your own words").is_disabled() and page.get_by_role("slider").is_disabled()
    page.get_by_label("What the model sees of the profile").click()
    page.get_by_role("option", name="Routines alone").click()
    ask(page)
    page.get_by_role("button", name="Show places", disabled=False).wait_for()
    assert page.get_by_text("Made by the language model").is_visible()


def test_where_the_slider_is_left_is_kept_and_counts_elsewhere(page, site):
    new_person(site, "sue")
    person(page, site, "sue")
    page.get_by_role("slider").press("Home")
    page.get_by_text("Kept as this person's setting.").wait_for()
    assert httpx.get(f"{site.url}/v1/people/sue").json()["strength"] == 0
    asked = {"person": "sue", "says": ["I love parks."]}
    assert httpx.post(f"{site.url}/v1/recommend", json=asked).json()["method"] == "fusion"
    person(page, site, "sue")
    page.get_by_text("How much words count: 0", exact=True).wait_for()


def test_who_wants_no_profile_is_told_and_asked_nothing(page, site):
    assert httpx.post(f"{site.url}/v1/people", json={"id": "non"}).status_code == 201
    person(page, site, "non")
    page.get_by_label("In your own words").fill("I love parks.")
    ask(page)
    page.get_by_text("no profile is wanted").wait_for()
    assert not page.get_by_role("alert").filter(has_text="profile").is_visible()


def test_one_is_found_among_many(page, site):
    page.goto(f"{site.url}/app/")
    page.get_by_label("A part of the id").fill("MANY")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="many099").wait_for()
    assert not page.get_by_role("link", name="many100").is_visible()
    page.get_by_role("link", name="More people").click()
    page.get_by_role("link", name="many100").wait_for()
    assert page.get_by_role("link", name="many0").count() == 0
    page.get_by_label("A part of the id").fill("<b>nobody")
    page.get_by_label("A part of the id").press("Enter")
    page.get_by_text("Nobody's id has “<b>nobody” in it.").wait_for()


def test_operators_see_percentiles(page, site):
    person(page, site)
    page.goto(f"{site.url}/app/operation")
    page.get_by_role("row", name="route count p50 p95 p99").wait_for()
    assert page.get_by_role("row", name="/app (a ranking)").get_by_role("cell").count() == 4


def test_a_fault_stands_by_its_field_and_escape_leaves_it(page, site):
    new_person(site, "may")
    person(page, site, "may", "Profile")
    kept = first_line(page)
    edit(page, kept, "word " * 300)
    page.get_by_role("alert").filter(has_text="a sentence of 1,499 characters").wait_for()
    page.get_by_label("Sentence", exact=True).locator("visible=true").press("Escape")
    page.get_by_role("button", name=f"Edit: {kept}").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Edit: {kept}"
