"""Sentences told true, false and nonsense by hand: only what is true of the person stands."""

import pytest
from made import KINDS
from made_city import pub_goer

from genrec.profiles.faithfulness import check, supported

VOCABULARY = [*KINDS, "Hiking Trail", "Train Station", "Shopping Mall"]

TRUE = """
Likes the Pub, with 33 visits.
Often chooses a Coffee Shop, with 10 visits.
Goes to POI 1 (Office) on weekdays around 9.
Works at the Office, with 10 visits.
Likes to work at an office, with 10 visits.
Spends much time at POI 4 (Pub) in the evening.
Is often at POI 2 (Coffee Shop) around 8.
Comes back to POI 4 (Pub), with 33 visits.
Drops by POI 4 (Pub) around 21.
Has a coffee at POI 2 around 8.
Takes a break at POI 2 (Coffee Shop).
Usually goes from POI 2 straight to POI 1, 10 times.
Went to the Park.
Frequently stopped at POI 4 (Pub).
Mostly visits the Pub at night.
Often at POI 4 (Pub).
A person who is often found at POI 4 (Pub) and POI 1 (Office).
Someone who is at POI 1 (Office) on weekdays and often goes to POI 4 (Pub).
The person enjoys the Pub in the evening.
This user can be found at POI 4 (Pub) around 21.
The user u is at POI 1 (Office) around 9.
User u often goes to POI 1.
You like the Pub, with 33 visits.
You are often at POI 1 on weekdays.
She works at POI 1 (Office).
They spend evenings at POI 4 (Pub).
I often go to the Pub.
A regular at POI 4 (Pub), with 33 visits.
A regular visitor who comes to POI 4 (Pub) around 21.
On weekdays the person is at POI 1 (Office).
On weekdays around 9, often goes to POI 1.
In the evening you are at POI 4.
Most visits to the Pub are around 21.
Their visits to POI 1 are on weekdays.
The person's favourite place is POI 4 (Pub).
Your usual spot is POI 4 (Pub).
Pub, with 33 visits.
POI 1 (Office), on weekdays around 9.
Regular visits to the Pub, around 21.
"""

FALSE = """
Likes the Gym.
Goes to POI 5 (Gym).
Goes to POI 4 (Pub) around 9.
Likes the Pub, with 34 visits.
Works at POI 4 (Pub).
Never goes to the Pub.
The person doesn't go to the Pub.
Someone who is at POI 1 (Office) on weekends.
Often goes from POI 6 straight to POI 1.
You like the Museum, with 33 visits.
"""

NONSENSE = """
The most popular pub in the city is the one with the number 33.
The best Pub is POI 4.
POI 4 (Pub) is the most popular pub in the city.
POI 4 (Pub) is a nice place.
POI 4 (Pub) opens around 21.
The Pub is around the corner from the Office.
Pubs are great.
A Pub is a place to drink.
There is a Pub, with 33 visits.
It is a Pub.
This is POI 4 (Pub).
Is a Pub, with 33 visits.
Is POI 4 (Pub).
Everyone goes to POI 4 (Pub) around 21.
People often go to POI 4 (Pub).
Tourists like the Pub.
Locals visit POI 4 (Pub) around 21.
Many visitors come to the Pub.
Students work at the Office.
My neighbour goes to POI 4 (Pub).
His wife works at the Office.
Likes the Pub, which is the most popular in the city.
Goes to POI 4 (Pub), where everybody goes.
Likes the busiest Pub in town.
Is at the Pub that tourists like.
The city has a Pub, with 33 visits.
The city's Pub is POI 4.
The weather at the Park is fine.
Visit the Pub around 21.
Going to the Pub is fun.
Beer is served at POI 4 (Pub).
The owner of POI 4 (Pub) works at the Office.
Nobody goes to the Pub around 21.
On weekdays the Office is full.
Around 21, POI 4 (Pub) fills up.
"""


@pytest.fixture(scope="module")
def habits():
    return pub_goer()


def lines(text):
    return [line for line in text.split("\n") if line]


@pytest.mark.parametrize("sentence", lines(TRUE))
def test_true_of_the_person(sentence, habits):
    claims = check(sentence, habits, VOCABULARY)
    assert supported(claims), claims


@pytest.mark.parametrize("sentence", lines(FALSE))
def test_false_of_the_person(sentence, habits):
    assert not supported(check(sentence, habits, VOCABULARY))


@pytest.mark.parametrize("sentence", lines(NONSENSE))
def test_not_of_the_person_though_it_names_a_true_place(sentence, habits):
    assert not supported(check(sentence, habits, VOCABULARY))
