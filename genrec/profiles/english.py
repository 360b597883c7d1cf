"""Whether words are English: the rules that read what is said know no other language."""

import re

from genrec.profiles.clauses import SUBJECTS
from genrec.profiles.kinds import KindIndex
from genrec.profiles.person import ADVERBS, BEING, FUNCTION_WORDS, HELPING, verb_of
from genrec.profiles.sentence import Sentence

# Words of other languages, too.
_AMBIGUOUS = frozenset(["a", "an", "as", "on", "in", "me", "am", "was", "so", "her", "most", "over"])
_CASUAL = re.findall(
    r"\w+",
    "about adore again ago already amazing another any anything anywhere awesome beats because before being behind "
    "boring cant dont each else enough even every everything exactly few finally first forget gimme glad gonna "
    "happier hardly heart here hours how if kindly know lately less longer loves many must myself nearby need needs "
    "next ngl nobody others our out own past people pls plz quiet rather refuse regret right same seriously should "
    "sick something sounds thanks them there these things think this those tired today too toward towards two ugh us "
    "wanna waste weekend what whenever where while whole why wish without worse worst worth wrong yeah years yes yet",
)
_ENGLISH = (
    FUNCTION_WORDS | ADVERBS | BEING | HELPING | SUBJECTS | {"more", "please", "lots", "im", "nothing"} | set(_CASUAL)
) - _AMBIGUOUS


def is_english(reading: Sentence, index: KindIndex) -> bool:
    """Whether a clause has a word that only English has, or little but names of places and kinds."""
    words = [token.word for token in reading.words]
    plain = [re.split("['\u2019]", reading.text[token.start : token.end].lower())[0] for token in reading.words]
    if any(word in _ENGLISH or verb_of(word) for word in {*words, *plain}):
        return True
    return len(words) <= 1 and (bool(reading.kinds or reading.places) or any(word in index.words for word in words))
