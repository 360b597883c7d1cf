"""From a plan to sentences, without any model: one of many phrasings each, drawn for the person."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from genrec.profiles.portrait.plan import Group, Paragraph
from genrec.prompting import render

_LINE = re.compile(r"([a-z ]+) (\d): (.+)")
_VERB = re.compile(r"\[(\w+)\]")
_OFTEN: Final = re.compile(r"\b(?:often|regularly|frequently)\b")
_SINGULAR: Final = {"be": "is", "have": "has", "go": "goes"}
_PLURAL: Final = {"be": "are"}
_SUBJECTS: Final = {"They": 5, "": 3, "This person": 2}
_CONSONANT_U: Final = re.compile(r"(?:uni|use|uti|eu|one\b)", re.IGNORECASE)


@dataclass(frozen=True)
class _Phrase:
    text: str

    def fits(self, group: Group) -> bool:
        """Whether the facts have the days and hours that it cannot do without, and the visits for its words."""
        if any(fact.few for fact in group) and _OFTEN.search(self.text):
            return False
        needed = {letter: fact for letter, fact in zip("abc", group, strict=False)}
        return all(needed[letter].when for letter in re.findall(r"\{[wT]([abc])\}", self.text)) and not (
            len(group) == 1 and group[0].when and group[0].kind != "rhythm" and not re.search(r"\{[twTm]a\}", self.text)
        )


@cache
def _phrases() -> dict[tuple[str, int], list[_Phrase]]:
    found: dict[tuple[str, int], list[_Phrase]] = {}
    for line in render("portrait_phrases").splitlines():
        if match := _LINE.fullmatch(line.strip()):
            found.setdefault((match[1], int(match[2])), []).append(_Phrase(match[3]))
    return found


@cache
def phrase_words() -> str:
    """All that phrasings consist of, but for the names, days and hours of facts."""
    texts = [phrase.text for phrases in _phrases().values() for phrase in phrases]
    both = [_VERB.sub(lambda match: f"{_form(match[1], _PLURAL)} {_form(match[1], None)}", text) for text in texts]
    return " ".join([*both, *_SUBJECTS, "a an usually"])


class Realiser:
    """Phrases the sentences of one portrait, so that neighbours differ."""

    def __init__(self, seed: str) -> None:
        """The same seed gives the same sentences."""
        self._draw = random.Random(seed)
        self._subject = ""
        self._used: set[_Phrase] = set()

    def paragraph(self, paragraph: Paragraph) -> list[str]:
        """A sentence for each group of facts."""
        return [self.sentence(group) for group in paragraph.groups]

    def sentence(self, group: Group) -> str:
        """The facts of a group in a sentence: in one that was not used before, if there is one."""
        known = _phrases()[group[0].kind, len(group)]
        fitting = [phrase for phrase in known if phrase.fits(group)] or known
        fresh = [phrase for phrase in fitting if phrase not in self._used] or fitting
        phrase = self._draw.choice(fresh)
        self._used.add(phrase)
        return _filled(phrase.text, group, self._next_subject())

    def _next_subject(self) -> str:
        """Somebody else than before, unless that is "They"."""
        others = {who: odds for who, odds in _SUBJECTS.items() if who == "They" or who != self._subject}
        [self._subject] = self._draw.choices(list(others), list(others.values()))
        return self._subject


def _filled(phrase: str, group: Group, who: str) -> str:
    """A phrase with the names, days and hours of the facts, for a subject."""
    if not phrase.startswith("{who}"):
        who = who or "They"
    forms = _PLURAL if who == "They" else None
    text = _VERB.sub(lambda match: _form(match[1], forms), phrase)
    values = {"km": str(group[0].km), "since": group[0].since}
    for letter, (name, when) in zip("abc", _named(group), strict=False):
        values |= {
            letter: name,
            f"t{letter}": f" {when}" if when else "",
            f"m{letter}": f", usually {when}" if when else "",
            f"w{letter}": when,
            f"T{letter}": f"{when[:1].upper()}{when[1:]}, " if when else "",
        }
    inside = who.lower() if who else "they"
    text = text.replace("{who} ", f"{who} ".lstrip(), 1) if text.startswith("{who}") else text
    filled = text.replace("{who}", inside).format(**values)
    return filled[:1].upper() + filled[1:]


def _named(group: Group) -> Sequence[tuple[str, str]]:
    """Names in the order of the phrase, each with days and hours; a kind of place has an article."""
    if group[0].kind == "step":
        return [(name, "") for name in group[0].names]
    return [
        ("".join(fact.names) if fact.pois or not fact.names else _with_article(fact.names[0]), fact.when)
        for fact in group
    ]


def _with_article(kind: str) -> str:
    if not kind[:1].isascii():
        return kind
    vowel = kind[:1].lower() in "aeiou" and not _CONSONANT_U.match(kind)
    return f"{'an' if vowel else 'a'} {kind}"


def _form(verb: str, forms: dict[str, str] | None) -> str:
    """A verb for "they", or for one person."""
    if forms is not None:
        return forms.get(verb, verb)
    if verb in _SINGULAR:
        return _SINGULAR[verb]
    if re.search(r"(?:s|sh|ch|x)$", verb):
        return f"{verb}es"
    return re.sub(r"([^aeiou])y$", r"\1ie", verb) + "s"
