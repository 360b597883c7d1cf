"""Words that limit what stands before them ("but not on Mondays", "except when it rains") and turn nothing round."""

import re
from typing import Final

_DAYS = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|weekday|weekend"
_TIMES: Final = (
    rf"(?:{_DAYS}|(?:birth|holi)?day|(?:mid)?night|(?:after)?noon|morning|evening|lunch(?:time)?|dinner|breakfast"
    r"|dawn|dusk|dark|hour|times|o['\u2019]clock|week|work|school|term|exam|rain|snow|cold|heat|sun|wind|storm|crowd"
    r"|weather|winter|summer|spring|autumn|season|vacation|christmas|easter|january|february|march|april|may|june|july"
    r"|august|september|october|november|december|six|seven|eight|nine|ten|eleven|\d\d?(?::\d\d)?(?: ?[ap]\.?m)?)"
    r"(?:e?s)?\b"
)
# Not "if I can help it", which dislikes.
_RELUCTANT = (
    r"(?!.*\b(?:help it|avoid|paid?|pay|better|instead|forced?|must|have to|drags?|dragged|choice|alive|live)\b)"
)
_CIRCUMSTANCE = (
    rf"(?:(?:when|whenever|if|while) {_RELUCTANT}"
    r"|(?:(?:too|very|that|so) )?often\b(?! any)|all the time\b|alone\b|on my own\b|by myself\b"
    r"|with(?:out)? (?!me\b|us\b)"
    r"|(?:(?:too|very) )?(?:late|early)\b"
    r"|the (?:[\w'\u2019-]+ ){0,2}(?:crowd|queue|line|noise|price|cost|music|smoke|smell|parking|traffic|wait|food)s?\b"
    r"|for (?:breakfast|lunch|dinner|brunch|supper)\b"
    rf"|(?:on|in|at|during|over|after|before|past|around|by|between|from|until)"
    rf" (?!this\b|these\b|all\b|any\b|a month\b)(?:[\w'\u2019-]+ ){{0,3}}?{_TIMES}"
    rf"|(?:(?:the|every|each) )?(?:\w+ )?(?:{_DAYS})s?\b|every (?:single )?(?:day|night|week|month)\b)"
)
_NOT = r"(?:not|never|rarely|seldom|hardly(?: ever)?|no longer)"
_SELF = (
    r"(?:i|we) (?:(?:do|would|can|will|could)(?:n['\u2019]?t| not)|can['\u2019]?t|cannot|won['\u2019]?t|dont|never"
    r"|rarely|seldom|hardly ever) (?:go|come|visit|want|like|enjoy|feel like)(?: (?:to )?(?:there|out|in|it|them|one))?"
)
LIMIT: Final = re.compile(
    r"(?:(?:but|though|although|yet|however|just|maybe|perhaps|please|and) )*"
    rf"(?:unless\b|(?:{_NOT}|except(?: for)?|apart from|other than|only(?: not)?|{_SELF}) {_CIRCUMSTANCE})",
    re.IGNORECASE,
)
_ONLY = re.compile(r"(?:\w+ )?only\b(?! not)", re.IGNORECASE)


def is_limit(clause: str) -> bool:
    """Whether a clause that names nothing says when or how the one before it holds."""
    return LIMIT.match(clause) is not None


def others(named: tuple[int, ...], whole: tuple[int, ...], limit: str) -> tuple[int, ...]:
    """The days or hours of `whole` that a limit leaves, given those that it names."""
    return tuple(one for one in whole if (one in named) == (_ONLY.match(limit) is not None))
