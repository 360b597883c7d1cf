"""What is read back from files is what somebody's check-ins could have made, or it is refused in one line."""

import io
import json
import os
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import at, make
from made_city import csv_of, failed, routine, town, written
from mutations import mutated
from pydantic import ValidationError
from rich.console import Console

from eval.profiles.worth import evidence_of, quality, vocabulary_of
from genrec import prepared
from genrec.cli.render import print_profile
from genrec.errors import GenRecError, InputError
from genrec.files import file_hash
from genrec.habit_models import PlaceHabit
from genrec.habits import city_habits
from genrec.profiles.editing import apply_sheet, to_sheet
from genrec.profiles.profile import dumps, read_profiles, require_catalogue, write_profiles
from genrec.profiles.run import summarise
from genrec.rankers.habits import rank_habits
from genrec.rankers.ranking_prompt import ranking_messages
from genrec.rankers.why import habit_reasons
from genrec.reading.reader import read_checkins
from genrec.recommender import query

fuzz = settings(max_examples=150, deadline=None)
CITY = town()
PROFILE = written(CITY, about="I like trains")
PLAIN = PROFILE.model_dump(mode="json")


def one_line(error):
    assert "\n" not in str(error)
    assert len(str(error)) < 1000


def use(profile):
    """All that a profile that was read may be asked."""
    require_catalogue([profile], CITY.pois)
    city = city_habits(CITY)
    for moment in (None, at(15, 8)):
        scores = rank_habits(profile.habits, city, CITY.pois, at=moment)
        assert abs(scores.sum() - 1) < 1e-6
        for poi in range(len(CITY.pois)):
            habit_reasons(profile.habits, city, CITY.pois, poi, at=moment)
    ranking_messages(profile, city, CITY.pois, at=at(15, 8), prefix=(), level="full", count_tokens=len, budget=400)
    assert apply_sheet(profile, to_sheet(profile), "sheet").habits == profile.habits
    evidence = evidence_of([profile], None)
    quality([profile], evidence, vocabulary_of(evidence.values(), None))
    summarise([profile])
    dumps(profile)
    print_profile(Console(file=io.StringIO()), profile)


# --- profiles ---


@pytest.mark.slow
@fuzz
@given(mutated(PLAIN))
def test_a_damaged_profile_is_refused_or_can_be_used(tmp_path_factory, plain):
    path = tmp_path_factory.getbasetemp() / "fuzzed.jsonl"
    path.write_text(json.dumps(plain) + "\n")
    try:
        for profile in read_profiles(path).values():
            use(profile)
    except GenRecError as error:
        one_line(error)


def changed(edit):
    plain = json.loads(json.dumps(PLAIN))
    edit(plain, plain["habits"], plain["habits"]["places"][0])
    return json.dumps(plain)


IMPOSSIBLE = {
    "a zone": (lambda p, h, place: p.update(as_of=p["as_of"] + "+02:00"), "as_of"),
    "a zone of a visit": (lambda p, h, place: place.update(first_visit="2024-01-01T08:00:00Z"), "places.0.first_visit"),
    "hour 24": (lambda p, h, place: place["hours"].update({"24": 1}), "places.0.hours.24"),
    "weekday 7": (lambda p, h, place: place["weekdays"].update({"7": 1}), "places.0.weekdays.7"),
    "a negative count": (lambda p, h, place: place.update(visits=-1), "places.0.visits"),
    "a sum of hours": (lambda p, h, place: place["hours"].update({"3": 5}), "places.0: hours hold"),
    "a sum of weekdays": (lambda p, h, place: place.update(weekdays={}), "places.0: weekdays hold"),
    "hours of nobody": (lambda p, h, place: h["hours"].__setitem__(3, 5), "habits: hours"),
    "25 hours": (lambda p, h, place: h["hours"].append(0), "habits.hours: "),
    "checkins": (lambda p, h, place: h.update(checkins=1), "habits: checkins is 1"),
    "a place twice": (lambda p, h, place: h["places"].append(place), "POI 0 is there twice"),
    "no places": (lambda p, h, place: h.update(places=[], categories=[]), "habits: "),
    "a category of no place": (lambda p, h, place: place.update(category="Zoo"), "categories: "),
    "somebody else's habits": (lambda p, h, place: h.update(user_id="u1"), "habits: of another user, 'u1'"),
    "another moment": (lambda p, h, place: h.update(as_of="2025-01-01T00:00:00"), "habits: as of 2025"),
    "first after last": (lambda p, h, place: h.update(first="2024-01-20T00:00:00"), "is after last"),
    "visits of the future": (
        lambda p, h, place: (p.update(as_of="2020-01-01T00:00:00"), h.update(as_of="2020-01-01T00:00:00")),
        "is after as_of",
    ),
    "NaN": (lambda p, h, place: h.update(entropy=float("nan")), "habits.entropy"),
    "infinity": (lambda p, h, place: place.update(latitude=float("inf")), "places.0.latitude"),
    "off the Earth": (lambda p, h, place: place.update(longitude=181), "places.0.longitude"),
    "an anchor elsewhere": (lambda p, h, place: h["anchors"][0].update(poi=99), "anchors: POI 99"),
    "a step elsewhere": (lambda p, h, place: h["transitions"][0].update(to_poi=99), "transitions: POI 99"),
    "more steps than departures": (lambda p, h, place: h["transitions"][0].update(count=999), "transitions.0: count"),
    "recent elsewhere": (lambda p, h, place: h["recent"][0].update(poi=99), "recent: POI 99"),
    "asked for less": (lambda p, h, place: p["provenance"].update(asked_again=999), "provenance: asked_again"),
    "an unknown guess": (lambda p, h, place: p["traits"]["openness"].update(value="x" * 9999), "openness: 'xxx"),
    "an endless sentence": (lambda p, h, place: p["summary"].append({"text": "x" * 10_001, "backed_by": []}), ".text"),
    "an endless name": (
        lambda p, h, place: (p.update(user_id="x" * 10_001), h.update(user_id="x" * 10_001)),
        "user_id",
    ),
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_the_impossible_is_named_with_its_row_and_field(kind, tmp_path):
    edit, where = IMPOSSIBLE[kind]
    path = tmp_path / "p.jsonl"
    path.write_text(written(CITY, "u2").model_dump_json() + "\n" + changed(edit) + "\n")
    with pytest.raises(InputError) as caught:
        read_profiles(path)
    one_line(caught.value)
    assert f"{path}, row 2: not a profile: " in str(caught.value)
    assert where in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [b"[" * 100_000, b'{"user_id": "\\ud800"}', b"\0" * 100, b'{"user_id": ' + b"9" * 10_000 + b"}", b"\xff\n"],
)
def test_other_lines_are_refused(line, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(line + b"\n")
    with pytest.raises(InputError, match=r"p\.jsonl, row 1: ") as caught:
        read_profiles(path)
    one_line(caught.value)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 24 * 12)), max_size=40), st.integers(0, 24 * 13))
def test_what_check_ins_make_is_always_read_back(tmp_path_factory, visits, hour):
    checkins = make([("a", poi, at(hour=hour)) for poi, hour in visits] + [("b", 0, at())])
    profile = written(checkins, "a", as_of=at(hour=hour))
    path = tmp_path_factory.getbasetemp() / "made.jsonl"
    write_profiles(path, [profile])
    assert read_profiles(path) == {"a": profile}


def test_clocks_of_two_zones_may_turn_visits_around():
    """A flight west lands before it has left, by the clocks on the walls."""
    place = PROFILE.habits.places[0].model_dump()
    PlaceHabit.model_validate(place | {"first_visit": place["last_visit"] + timedelta(hours=20)})
    with pytest.raises(ValidationError, match="is after last_visit"):
        PlaceHabit.model_validate(place | {"first_visit": place["last_visit"] + timedelta(hours=30)})


def test_a_fifo_is_no_file_of_profiles(tmp_path):
    os.mkfifo(tmp_path / "p.jsonl")
    with pytest.raises(InputError, match="not a regular file"):
        read_profiles(tmp_path / "p.jsonl")


def test_fields_without_an_answer_are_unknown(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(changed(lambda p, h, place: p.update(traits={}, attributes={})) + "\n")
    assert read_profiles(path)["u0"] == PROFILE


def test_a_profile_of_other_places_is_refused_where_it_is_used(tmp_path, genrec, genrec_eval):
    other = make(routine("u0", (5, 6, 7)))
    write_profiles(tmp_path / "p.jsonl", [written(other)])
    with pytest.raises(GenRecError, match="was written for other data"):
        query(read_checkins(csv_of(CITY, tmp_path / "in.csv")), written(other), None)
    table, profiles = tmp_path / "in.csv", tmp_path / "p.jsonl"
    failed(
        genrec("recommend", table, "--by", "llm", "--profiles", profiles, "--user", "u0"), "was written for other data"
    )
    failed(genrec_eval("profiles", profiles, "--checkins", table), "was written for other data")
    asked = ("run", table, "--method", "habits", "--profiles", profiles, "--out", tmp_path / "run")
    failed(genrec_eval(*asked), "was written for other data")


# --- sheets ---

SHEET = to_sheet(PROFILE)


@pytest.mark.parametrize(
    ("sheet", "problem"),
    [
        ("a: &a [x, x]\nb: *a\n", "aliases"),
        ("traits: !!python/object:os.system x\n", "tags"),
        ("- " * 2000 + "x", "levels"),
        ("[" * 100_000, "levels"),
        (SHEET + "summary: []\n", "'summary' is there twice"),
        (SHEET.replace("summary:", 'summary:\n- "\\ud800"'), "not a letter"),
        (SHEET.replace("summary:", f"summary:\n- {'x' * 10_001}"), "summary"),
        ("x" * 2_000_000, "letters"),
        ("traits: 7\n", "traits"),
        ("", "holds nothing"),
    ],
)
def test_sheets_that_are_refused(sheet, problem):
    with pytest.raises(InputError, match=problem) as caught:
        apply_sheet(PROFILE, sheet, "sheet.yaml")
    one_line(caught.value)


@pytest.mark.slow
@fuzz
@given(st.data())
def test_a_damaged_sheet_is_refused_or_gives_a_profile(data):
    lines = SHEET.split("\n")
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(st.integers(0, len(lines) - 1))
        words = st.text(max_size=8) | st.sampled_from(["&a", "*a", "- ", "? ", "!!int x", "'", "traits:", "{", "[["])
        lines[number] = data.draw(words | st.sampled_from(lines))
    try:
        use(apply_sheet(PROFILE, "\n".join(lines), "sheet.yaml"))
    except GenRecError as error:
        one_line(error)


@pytest.mark.parametrize("content", [b"\xff\xfe", None, "fifo", b"#" * 2_000_000])
def test_what_is_no_sheet_changes_nothing(content, tmp_path, genrec):
    write_profiles(tmp_path / "p.jsonl", [PROFILE])
    before = (tmp_path / "p.jsonl").read_bytes()
    sheet = tmp_path / "sheet.yaml"
    if content == "fifo":
        os.mkfifo(sheet)
    elif content:
        sheet.write_bytes(content)
    failed(genrec("profile", "edit", "u0", "--profiles", tmp_path / "p.jsonl", "--from", sheet), "Nothing was changed")
    assert (tmp_path / "p.jsonl").read_bytes() == before


# --- prepared folders ---


@pytest.fixture
def folder(tmp_path):
    prepared.prepare(CITY, tmp_path / "city")
    return tmp_path / "city"


def rewrite(folder, name, edit):
    """Change a table, and what meta.json says of it, as somebody would who knows how."""
    edit(pl.read_parquet(folder / name)).write_parquet(folder / name)
    describe(folder, lambda meta: meta["sha256"].update({name: file_hash(folder / name)}))


def describe(folder, edit):
    meta = json.loads((folder / "meta.json").read_text())
    edit(meta)
    (folder / "meta.json").write_text(json.dumps(meta))


def column(**columns):
    return lambda table: table.with_columns(**columns)


TABLES = {
    "a column missing": ("checkins.parquet", lambda t: t.drop("time"), "column 'time': the column is missing"),
    "text for numbers": ("checkins.parquet", column(poi=pl.col("poi").cast(pl.String)), "column 'poi': holds String"),
    "a time with a zone": (
        "checkins.parquet",
        column(time=pl.col("time").dt.replace_time_zone("UTC")),
        "column 'time': holds",
    ),
    "a place out of range": ("checkins.parquet", column(poi=pl.col("poi") + 100), "not among the 8"),
    "no user": ("checkins.parquet", column(user_id=pl.lit(None, pl.String)), "'user_id' has empty values"),
    "not in order": ("checkins.parquet", lambda t: t.reverse(), "'time' is not in order"),
    "rows lost": ("checkins.parquet", lambda t: t.head(5), "has 5 rows, not"),
    "fewer users": ("checkins.parquet", column(user_id=pl.lit("u0")), "number of users differs"),
    "an id twice": ("pois.parquet", column(poi_id=pl.lit("p")), "'poi_id' has a place twice"),
    "other ids": ("pois.parquet", column(poi_id=pl.col("poi_id").reverse()), "hash of its catalogue differs"),
    "not numbered": ("pois.parquet", column(poi=pl.col("poi").reverse()), "'poi' does not count the rows"),
    "no position": ("pois.parquet", column(latitude=pl.lit(float("nan"))), "'latitude' has a value beyond 90"),
    "no category": ("pois.parquet", lambda t: t.drop("category"), "column 'category': the column is missing"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_impossible_tables_are_named(kind, folder):
    name, edit, problem = TABLES[kind]
    rewrite(folder, name, edit)
    with pytest.raises(InputError, match=problem) as caught:
        read_checkins(folder)
    one_line(caught.value)
    assert str(caught.value).endswith("Prepare the folder anew.")


def test_parts_that_are_no_tables(folder):
    table = folder / "pois.parquet"
    content = table.read_bytes()
    for broken in (b"", b"PAR1", content[:-20], content[:50] + b"\0" * 50 + content[100:]):
        table.write_bytes(broken)
        with pytest.raises(InputError, match=r"not the file that meta\.json names"):
            read_checkins(folder)
        describe(folder, lambda meta: meta["sha256"].update({"pois.parquet": file_hash(table)}))
        with pytest.raises(InputError, match=r"Prepare the folder anew\."):
            read_checkins(folder)
        describe(folder, lambda meta: meta["sha256"].update({"pois.parquet": "0"}))


def test_swapped_parts(folder):
    first, second = folder / "pois.parquet", folder / "checkins.parquet"
    first.rename(folder / "x")
    second.rename(first)
    (folder / "x").rename(second)
    describe(folder, lambda meta: meta.update(sha256={path.name: file_hash(path) for path in (first, second)}))
    with pytest.raises(InputError, match="the column is missing"):
        read_checkins(folder)


@pytest.mark.parametrize("name", ["meta.json", "pois.parquet", "checkins.parquet"])
def test_a_fifo_in_a_folder(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(InputError, match=name):
        read_checkins(folder)


@fuzz
@given(st.data())
def test_a_damaged_description_is_refused_or_true(tmp_path_factory, data):
    base = tmp_path_factory.getbasetemp() / "described"
    if not base.exists():
        prepared.prepare(CITY, base)
        (base / "meta.json").rename(base / "right.json")
    meta = data.draw(mutated(json.loads((base / "right.json").read_text())))
    (base / "meta.json").write_text(json.dumps(meta))
    try:
        assert read_checkins(base).frame.equals(CITY.frame)
    except GenRecError as error:
        one_line(error)
