"""A long sentence as several short ones that say the same together, each of which can be checked alone.

"POI 4 is their usual bar, which they visit on Fridays, with nine visits" says what "POI 4 is their usual bar", "they
visit POI 4 on Fridays" and "POI 4 has nine visits" do. Names are signs here, as in `rewording`.
"""

import re
from collections.abc import Iterator
from typing import Final

_NAME: Final = "[\ue000\ue001][\ue100-\uf8ff]"
_ADVERBS: Final = (
    r"(?:(?:also|usually|typically|mostly|mainly|often|frequently|regularly|always|only|never|sometimes|occasionally"
    r"|rarely|generally|normally|primarily|predominantly|exclusively|consistently|invariably|almost always"
    r"|nearly always|almost exclusively|have|has|had|tend to|tends to) )*"
)
_VISIT: Final = r"(?:visit(?:s|ed)?|frequent(?:s|ed)?|attend(?:s|ed)?|use[sd]?|go(?:es)? to|went to|gone to|been to|return(?:s|ed)? to|check(?:s|ed)? in at)"
_COUNT: Final = (
    r"(?:about |around |roughly |some |nearly |almost |over |more than |just |only |a total of |at least )*[\w-]+"
)
_SHARE_OF: Final = r"(?:most|all|half|both|none|each|one|two|three|four|five|six|seven|eight|nine|ten|\d+)"
# Where a sentence is cut, and what stands in place of the words there; {it} is what is spoken of.
_CUTS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), by)
    for pattern, by in (
        (rf",? which (they|he|she|this person|the person|the user) ({_ADVERBS}){_VISIT}\b", r"\1 \2visited {it}"),
        (
            rf",? where (they|he|she|this person|the person|the user) ({_ADVERBS})"
            r"(?:go|goes|went|are|is|were|was|can be found|appear|appears|check in|checks in|stop|show up|turn up"
            r"|drop in|spend time|eat|eats|dine|shop|shops|visit)\b",
            r"{it} is \2visited",
        ),
        (
            r",? (?:which|that) (?=(?:is|are|was|were|has|have|had|accounts?|makes? up|made up|saw|sees|receives?)\b)",
            "{it} ",
        ),
        (rf",? with (?={_COUNT} (?:visits|check-ins|stops|trips)\b)", "{it} has "),
        (r",? (?:(?:and|thus|thereby|together) )?accounting for\b", "{it} accounts for"),
        (
            r",? (?:(?:and|thus|thereby|together) )?(?:making up|representing|comprising|constituting|amounting to|totall?ing|taking up|claiming)\b",
            "{it} makes up",
        ),
        (
            rf",? ({_SHARE_OF}) of (?:which|them|these|those|the visits|the latter)(?: visits)?(?: being)?(?: (?:were|are|fell|fall|took place|occurred|came|happened|made))?(?= )",
            r"\1 of the visits to {it} were",
        ),
        (r",? both times(?= )", "both visits to {it} were"),
        (
            r",? (?:and |but |; )?(?:(?:they|he|she) (?:are|is) )?(most often|usually|always|mostly|typically|mainly|generally|invariably|primarily|predominantly|consistently|exclusively|almost always|nearly always|almost exclusively|only|often|sometimes|never)(?= (?:on|in|at|around|about|between|from|before|after|during|over|late|early|by)\b)",
            r"{it} is \1 visited",
        ),
        (
            r"(?:,|;)? (?:and|but|while|whereas|though|although|yet) (?=(?:they|he|she|this person|the person|the user)\b)|; (?=\w)|: (?=(?:they|he|she|all|most|half|every|each|both|none|nearly|almost)\b)| [\u2013\u2014-] ",
            "",
        ),
    )
)


def parted(signed: str) -> list[str]:
    """The short sentences; none if a sentence is short already."""
    cuts = sorted(_cuts(signed))
    if not cuts:
        return []
    parts, begin, lead = [], 0, ""
    for start, end, by in [*cuts, (len(signed), len(signed), "")]:
        if start < begin:
            continue
        parts.append(lead + signed[begin:start])
        begin, lead = end, by
    return [whole for part in parts if (whole := _whole(part))]


def _cuts(signed: str) -> Iterator[tuple[int, int, str]]:
    for pattern, by in _CUTS:
        for match in pattern.finditer(signed):
            topic = _topic(signed[: match.start()], by)
            if match.start() and ("{it}" not in by or topic):
                yield match.start(), match.end(), match.expand(by).replace("{it}", topic)


def _topic(before: str, by: str) -> str:
    """What is spoken of: the place or kind that was named last, or, of "accounting for", the one that begins."""
    named = re.findall(_NAME, before)
    if not named:
        return ""
    first = re.match(rf"(?:the )?({_NAME})", before)
    return first[1] if first and by.startswith(("{it} accounts", "{it} makes", "{it} has")) else str(named[-1])


def _whole(part: str) -> str:
    """A part as a sentence."""
    text = part.strip(" ,;:.\u2013\u2014")
    return f"{text[0].upper()}{text[1:]}." if text else ""
