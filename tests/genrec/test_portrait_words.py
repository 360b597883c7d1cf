"""How portraits speak: of errands nobody says that they are liked, kinds are many, and notes are the sentences' own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import at, make

from genrec.columns import CATEGORY
from genrec.habits import habits_of
from genrec.profiles.faithfulness import check, supported
from genrec.profiles.portrait.phrases import fitting, phrases
from genrec.profiles.portrait.plan import plan, portrait_messages
from genrec.profiles.portrait.realise import Realiser
from genrec.profiles.portrait.tastes import is_for_pleasure, plural_of
from genrec.profiles.portrait.writer import PortraitWriter
from genrec.profiles.writer import Subject
from genrec.words import key_of

ERRANDS = ["Light Rail", "Bus Station", "Office", "Building", "Neighborhood", "Gas Station", "Bank", "Hospital"]
PLEASURES = ["Art Gallery", "Coffee Shop", "Skating Rink", "Thai Restaurant", "Park", "Nightclub", "Ice Cream Shop"]


def days_of(kinds, hours=(9,)):
    """Somebody who goes to two places of each kind, again and again."""
    visits = [
        ("u", (day + hour) % len(kinds), at(day, hour + 0.1 * (day % 5)))
        for day in range(20 * len(kinds))
        for hour in hours
    ]
    return make(visits, kinds)


def portrait(checkins):
    kinds = checkins.pois[CATEGORY].to_list()
    [profile] = PortraitWriter(kinds).write([Subject(habits_of(checkins, "u"))])
    return profile, " ".join(one.text for one in profile.statements())


@pytest.mark.parametrize("errand", ERRANDS)
def test_an_errand_is_not_liked(errand):
    _, text = portrait(days_of([errand] * 5, hours=(8, 9, 14, 15)))
    assert errand in text
    for word in ("likes", "like to", "enjoy", "choose", "favourite"):
        assert word not in text
    assert not is_for_pleasure(errand)


@pytest.mark.parametrize("kind", PLEASURES)
def test_what_is_done_for_pleasure_may_be_liked(kind):
    assert is_for_pleasure(kind)


def test_kinds_are_many():
    assert [plural_of(kind) for kind in PLEASURES[:2]] == ["Art Galleries", "Coffee Shops"]
    assert plural_of("Church") == "Churches"
    assert plural_of("Drugstore / Pharmacy") == "Drugstore / Pharmacies"
    assert plural_of("Home (private)") == "Homes (private)"
    assert plural_of("Döner Restaurant") == "Döner Restaurants"
    assert plural_of("Brasserie") == "Brasseries"
    assert is_for_pleasure("Movie")
    assert [plural_of("Café"), plural_of("R&B Club")] == ["Cafés", "R&B Clubs"]
    assert plural_of("Salle de sport") == "Salle de sport"
    for as_it_is in ("Musée", "Light Rail", "Fast Food", "Arts", "amenity=cafe", "Büro", "パン屋", "Bus"):
        assert plural_of(as_it_is) == as_it_is


@given(st.text(st.sampled_from("ABbhsyxzéü -/&()=7"), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_a_kind_and_its_plural_are_one_kind(kind):
    assert key_of(plural_of(kind)) == key_of(kind)


@pytest.mark.parametrize("kinds", [PLEASURES, ERRANDS, ["Art Gallery"] * 5, ["Bahnhof", "Büro"] * 3, ["unknown"] * 6])
def test_every_phrasing_is_supported_and_told_from_its_cue(kinds):
    """In whatever words a fact is put, its sentence stands; and the cue in the notes says which words."""
    checkins = days_of(list(kinds) * 2, hours=(8, 12, 19))
    habits, vocabulary = habits_of(checkins, "u"), checkins.pois[CATEGORY].to_list()
    for paragraph in plan(habits):
        notes = portrait_messages(paragraph)[1]["content"]
        assert ";" not in notes
        for group in paragraph.groups:
            assert group[0].cue in {phrase.cue for phrase in fitting(group)}
            for seed in range(6):
                sentence = Realiser(str(seed)).sentence(group, first=bool(seed % 2), cued=False)
                assert supported(check(sentence, habits, vocabulary)), sentence
            [cued] = {Realiser(str(seed)).sentence(group, first=True) for seed in range(6)}
            assert cued


def test_a_paragraph_speaks_of_this_person_and_then_of_them():
    for paragraph in plan(habits_of(days_of(PLEASURES * 2, hours=(8, 12, 19)), "u")):
        first, *others = Realiser("u").paragraph(paragraph)
        assert "They " not in first
        assert not any("this person" in other.lower() for other in others)


def test_cues_of_one_kind_and_number_differ_unless_they_mean_the_same():
    for known in phrases().values():
        assert len({phrase.text for phrase in known}) == len(known)
