"""The page in a real browser, over the real app and a real store."""

import io
import zipfile
from pathlib import Path

import httpx
import pytest
from made_city import csv_of, town
from made_page import EVIL, app, edit, first_line, looking, new_person, person, sentences, write_by_templates

from genrec.reading.reader import read_checkins
from genrec.service.keys import make_key
from genrec.store.opening import open_store
from genrec.store.records import Settings

pytestmark = pytest.mark.slow

TABS = ("Next places", "Profile", "Map", "Week", "Data")


def test_a_file_is_read_and_its_faults_are_shown_in_place(browser, tmp_path, tiny_folder):
    bad = tmp_path / "bad.csv"
    bad.write_text("user_id,poi_id,time,category,latitude,longitude\nx,p,yesterday,Bar,51,-114\n")
    good = csv_of(town(), tmp_path / "good.csv")
    with app(tmp_path / "empty.db", "--model", tiny_folder) as site, looking(browser) as page:
        page.goto(f"{site.url}/")
        page.get_by_text("There is nobody yet.").wait_for()
        page.locator("input[type=file]").set_input_files(bad)
        assert "bad.csv, row 2, column 'time'" in page.get_by_role("alert").filter(has_text="bad.csv").inner_text()
        page.get_by_role("checkbox", name="The people in it have agreed to profiles").click()
        page.locator("input[type=file]").set_input_files(good)
        page.get_by_text("good.csv is read. New in the store: 3 people, 7 places, 96 check-ins.").wait_for()
        page.get_by_role("button", name="Write them by templates").click()
        page.get_by_text("3 of 3 profiles written.").wait_for()
        page.get_by_label("Their id").fill("zoe")
        page.get_by_role("button", name="Add", exact=True).click()
        page.get_by_role("heading", name="zoe").wait_for()
        page.get_by_role("link", name="Start").click()
        page.get_by_role("link", name="u1").click()
        page.get_by_text("visited 10 of 32 times").first.wait_for()
        page.get_by_role("link", name="Operation").click()
        page.get_by_role("row", name="check-ins 96").wait_for()


def test_words_move_places_which_is_shown_side_by_side(page, site):
    person(page, site)
    page.get_by_label("Local time").fill("2024-01-12T08:00")
    page.get_by_label("In your own words").fill("I avoid coffee shops.")
    page.get_by_role("slider", name="How much words count").press("ArrowRight")
    page.get_by_text("How much words count: 1.1").wait_for()
    page.get_by_role("button", name="Show places").click()
    after, before = (page.get_by_role("region", name=name, exact=True) for name in ("After", "Before"))
    after.wait_for()
    assert page.get_by_text("Read as avoids").is_visible()
    assert "before: " in after.inner_text()
    assert before.get_by_role("listitem").count() == after.get_by_role("listitem").count() > 1
    page.get_by_text("What carried this answer").click()
    assert page.get_by_text("Weights in this situation").is_visible()


def test_what_is_disliked_is_gone_until_it_is_taken_back(page, site):
    new_person(site, "dee", profile=False)
    person(page, site, "dee")
    disliking = page.get_by_role("button", name="Not for me: p2")
    disliking.click()
    page.get_by_text("Kept: Not for me, p2").wait_for()
    assert not disliking.is_visible()
    assert httpx.get(f"{site.url}/v1/people/dee/feedback").json()["feedback"][0]["poi_id"] == "p2"
    page.get_by_role("button", name="Take it back").click()
    disliking.wait_for()


def test_a_profile_is_edited_with_evidence_history_and_the_ranking_before_and_after(page, site):
    written = new_person(site, "eve")["sheet"]
    person(page, site, "eve", "Profile")
    first = first_line(page)
    page.locator("summary").filter(has_text=first).first.click()
    page.get_by_text("7 visits", exact=False).locator("visible=true").nth(1).wait_for()
    edit(page, first, f"Avoids parks. {EVIL}")
    page.get_by_role("heading", name="What this change did").wait_for()
    both = page.get_by_role("region", name="Ranking before and after").inner_text()
    assert "Before" in both and "before: 1 with " in both
    page.locator("summary").filter(has_text="History").click()
    page.get_by_role("button", name="Bring back: Version 1").click()
    page.get_by_text("brings back version 1").wait_for()
    assert httpx.get(f"{site.url}/v1/people/eve/profile").json()["sheet"] == written
    assert page.title() == "GenRec"


def test_of_two_who_edit_the_later_one_is_told_and_loses_nothing(browser, page, site):
    new_person(site, "two")
    person(page, site, "two", "Profile")
    first = first_line(page)
    with looking(browser) as other:
        person(other, site, "two", "Profile")
        edit(other, first, "Likes old bookshops.")
        other.get_by_text("Saved as version 2.").wait_for()
    edit(page, first, "Likes quiet libraries.")
    page.get_by_text("Not saved: the profile of 'two' has been changed meanwhile").wait_for()
    assert page.get_by_label("Sentence", exact=True).locator("visible=true").input_value() == "Likes quiet libraries."
    assert page.get_by_text("Likes old bookshops.").is_visible()
    page.get_by_role("button", name="Save mine into the new version").click()
    page.get_by_text("Saved as version 3.").wait_for()
    kept = sentences(httpx.get(f"{site.url}/v1/people/two/profile").json()["sheet"])
    assert {"Likes old bookshops.", "Likes quiet libraries."} <= set(kept)


def test_the_map_hides_home_and_work_until_asked(page, site):
    person(page, site, "u0", "Map")
    page.locator(".leaflet-interactive").first.wait_for()
    visited = page.get_by_role("region", name="Visited places")
    few = visited.get_by_role("listitem").count()
    page.get_by_text("Show home and work").click()
    visited.get_by_role("listitem").nth(few).wait_for()
    page.get_by_role("tab", name="Week").click()
    page.locator("table.week").get_by_role("cell", name="2", exact=True).first.wait_for()


def test_people_take_everything_along_and_end_it(page, site):
    new_person(site, "kim")
    person(page, site, "kim", "Data")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export").click()
    with zipfile.ZipFile(io.BytesIO(Path(saved.value.path()).read_bytes())) as archive:
        assert archive.read("checkins.csv").count(b"\n") == 8
    page.get_by_role("switch", name="Profiles may be written").click()
    page.get_by_role("button", name="Withdraw").click()
    page.get_by_role("tab", name="Next places").click()
    page.get_by_text("no profile is wanted").wait_for()
    assert httpx.get(f"{site.url}/v1/people/kim/profile").status_code == 404
    page.get_by_role("tab", name="Data").click()
    page.get_by_role("button", name="Erase ...").click()
    page.get_by_text("cannot be brought back").wait_for()
    page.get_by_role("button", name="Erase for good").click()
    page.get_by_text("kim is erased").wait_for()
    assert httpx.get(f"{site.url}/v1/people/kim").status_code == 404


def test_text_of_people_and_data_is_shown_never_run(page, site):
    page.goto(f"{site.url}/app/")
    page.get_by_label("Their id").fill(EVIL)
    page.get_by_role("checkbox", name="They agree to a profile").click()
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("heading", name=EVIL).wait_for()
    for who in (EVIL, "u0"):
        person(page, site, who)
        for tab in TABS:
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(200)
    page.get_by_role("tab", name="Next places").click()
    page.get_by_text(EVIL).locator("visible=true").first.wait_for()
    page.get_by_label("In your own words").fill(EVIL)
    page.get_by_role("button", name="Show places").click()
    page.get_by_text("Without them").wait_for()
    assert page.title() == "GenRec" and page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_it_can_be_used_by_all_by_night_and_on_a_phone(browser, site, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    with looking(browser, width) as page:
        page.emulate_media(color_scheme=scheme)

        def check():
            faults = axe.run(page).response["violations"]
            assert not [fault for fault in faults if fault["impact"] in {"serious", "critical"}], faults
            assert page.evaluate("document.documentElement.scrollWidth") <= width

        for address in ("/login", "/app/", "/app/operation"):
            page.goto(f"{site.url}{address}")
            page.get_by_role("heading").first.wait_for()
            check()
        if httpx.get(f"{site.url}/v1/people/u1/profile").status_code != 200:
            write_by_templates(site, "u1")
        person(page, site, "u1")
        for tab in TABS:
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(300)
            check()
        page.get_by_role("button", name="Erase ...").click()
        page.get_by_role("alertdialog").wait_for()
        assert page.evaluate("document.activeElement.getAttribute('role')") == "alertdialog"
        check()


def test_it_is_used_by_keyboard(page, site):
    person(page, site)
    page.get_by_role("tab", name="Next places").press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Profile").wait_for()
    page.get_by_role("tab", name="Profile").press("ArrowLeft")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show places").press("Enter")
    page.get_by_role("button", name="Hide: p2").wait_for()


def test_keys_let_in_and_only_to_ones_own(browser, data, tmp_path, tiny_folder):
    store = open_store(str(tmp_path / "a.db"))
    store.import_checkins(read_checkins(data), Settings(consent=True))
    key = make_key(store, "u0")
    store.close()
    with app(tmp_path / "a.db", "--model", tiny_folder) as site, looking(browser) as page:
        site.wait()
        page.goto(f"{site.url}/app/person?id=u0")
        page.get_by_label("Your key").fill("genrec_00_wrong")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("alert").filter(has_text="not known").wait_for()
        page.get_by_label("Your key").fill(key)
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("Most probable next places").wait_for()
        [cookie] = page.context.cookies()
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
        page.goto(f"{site.url}/app/person?id=u1")
        page.get_by_text("this key is for another person").wait_for()
        assert httpx.get(f"{site.url}/v1/people/u0", cookies={cookie["name"]: key}).status_code == 401
        page.goto(f"{site.url}/app/")
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Your key").wait_for()
        page.faults.clear()  # browsers note a 401


def test_other_sites_open_no_socket_and_the_policy_is_strict(site):
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
    at = f"{site.url}/app/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    for origin in ("http://evil.example", "null"):
        assert httpx.get(at, headers={**headers, "Origin": origin}).status_code == 403
    assert httpx.get(at, headers={**headers, "Origin": site.url, "Host": "evil.example"}).status_code == 403
    polled = at.replace("=websocket", "=polling")
    assert httpx.get(polled, headers={"Origin": "http://evil.example"}).status_code == 400
    policy = httpx.get(f"{site.url}/app/").headers["content-security-policy"]
    assert "script-src 'self' 'nonce-" in policy and "http" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_metrics_name_no_visitor(site):
    httpx.get(f"{site.url}/app/person?id=u0")
    text = httpx.get(f"{site.url}/metrics").text
    assert 'route="/app"' in text and "_nicegui" not in text and "u0" not in text


def test_what_was_saved_outlives_a_kill(browser, data, tmp_path, tiny_folder):
    with app(tmp_path / "a.db", data, "--model", tiny_folder) as site, looking(browser) as page:
        site.wait()
        write_by_templates(site, "u0")
        lines = sentences(httpx.get(f"{site.url}/v1/people/u0/profile").json()["sheet"])
        new = [line.split(",")[0] + "." for line in lines]  # backed by visits, so no model is asked
        person(page, site, "u0", "Profile")
        edit(page, lines[0], new[0])
        page.get_by_text("Saved as version 2.").wait_for()
        edit(page, lines[1], new[1])
        site.kill()  # while it writes
        site.start()
        site.wait()
        kept = sentences(httpx.get(f"{site.url}/v1/people/u0/profile").json()["sheet"])
        assert kept[0] == new[0] and kept[1] in {lines[1], new[1]}
        person(page, site, "u0", "Profile")
        page.get_by_text(new[0], exact=True).first.wait_for()
        page.faults.clear()  # of the time when nobody was there
