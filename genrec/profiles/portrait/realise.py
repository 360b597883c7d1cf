"""From a plan to sentences, without any model: one of many phrasings each, drawn for the person."""

import random
import re
from functools import cache
from typing import Final

from genrec.profiles.portrait.phrases import VERB, Phrase, fitting, phrases
from genrec.profiles.portrait.plan import Group, Paragraph

_SINGULAR: Final = {"be": "is", "have": "has", "go": "goes"}
_PLURAL: Final = {"be": "are"}
_FIRST: Final = "This person"
_NEXT: Final = "They"


@cache
def phrase_words() -> str:
    """All that phrasings consist of, but for the names, days and hours of facts."""
    texts = [phrase.text for known in phrases().values() for phrase in known]
    both = [VERB.sub(lambda match: f"{_form(match[1], _PLURAL)} {_form(match[1], None)}", text) for text in texts]
    return " ".join([*both, _FIRST, _NEXT, "usually"])


class Realiser:
    """Phrases the sentences of one portrait, so that neighbours differ."""

    def __init__(self, seed: str) -> None:
        """The same seed gives the same sentences."""
        self._draw = random.Random(seed)
        self._used: set[Phrase] = set()

    def paragraph(self, paragraph: Paragraph) -> list[str]:
        """A sentence for each group of facts, by the cues of their notes."""
        return [self.sentence(group, first=not number) for number, group in enumerate(paragraph.groups)]

    def sentence(self, group: Group, *, first: bool, cued: bool = True) -> str:
        """The facts of a group in a sentence; if not `cued` in one that was not used before, if there is one."""
        known = fitting(group)
        wanted = [phrase for phrase in known if phrase.cue == group[0].cue][:1] if cued else []
        fresh = wanted or [phrase for phrase in known if phrase not in self._used] or known
        phrase = self._draw.choice(fresh)
        self._used.add(phrase)
        return _filled(phrase.text, group, _FIRST if first else _NEXT)


def _filled(phrase: str, group: Group, who: str) -> str:
    """A phrase with the names, days and hours of the facts, for a subject."""
    text = VERB.sub(lambda match: _form(match[1], _PLURAL if who == _NEXT else None), phrase)
    values = {"km": str(group[0].km), "since": group[0].since}
    named = group[0].names if group[0].kind == "step" else ["".join(fact.names) for fact in group]
    for letter, name in zip("abc", named, strict=False):
        values[letter] = name
    for letter, fact in zip("abc", group, strict=False):
        when = fact.when
        values |= {
            f"t{letter}": f" {when}" if when else "",
            f"m{letter}": f", usually {when}" if when else "",
            f"w{letter}": when,
            f"T{letter}": f"{when[:1].upper()}{when[1:]}, " if when else "",
        }
    filled = text.replace("{who}", who if text.startswith("{who}") else who.lower()).format(**values)
    return filled[:1].upper() + filled[1:]


def _form(verb: str, forms: dict[str, str] | None) -> str:
    """A verb for "they", or for one person."""
    if forms is not None:
        return forms.get(verb, verb)
    if verb in _SINGULAR:
        return _SINGULAR[verb]
    if re.search(r"(?:s|sh|ch|x)$", verb):
        return f"{verb}es"
    return re.sub(r"([^aeiou])y$", r"\1ie", verb) + "s"
