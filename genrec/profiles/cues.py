"""Words that turn a sentence round: "not", "hate", "no longer", "except", and those that only look as if they did."""

import re
from dataclasses import dataclass, replace

_N = r"(?: ?n['\u2019]?t| not)"  # don't, do not; and dont, as people type it
_AUX = rf"(?:(?:do|does|did|is|are|was|were|has|have|had|would|should|could|must|need){_N}|wo(?:n['\u2019]?t)|will not|"
_AUX += r"can(?:['\u2019]?t|not| not)|ain['\u2019]?t)"

# Two turns that make none: "cannot live without", "never miss"; and "not" that turns nothing round.
_NONE = re.compile(
    rf"\b(?:not (?:only|just|to mention|far|enough)|no (?:doubt|matter|better|wonder)|why not"
    rf"|nothing (?:beats|but|like|better)|{_AUX} (?:mind|wait)|(?:{_AUX}|never) (?:get|have|do) enough(?: of)?"
    rf"|(?:{_AUX}|never) get tired of|(?:{_AUX}|never|not|no)(?: \S+){{1,6}} (?:without|before|until)"
    rf"|(?:{_AUX}|never) (?:once )?(?:miss|missed|skip|skipped|tire of|bored (?:of|with)|sa(?:y|id) no to|been happier)"
    rf"|never (?:felt|been|looked) better|{_AUX} help|more or less|none other than|without (?:a )?doubt)\b",
    re.IGNORECASE,
)
# What takes the place of a verb of liking; the words before it that go with it.
_WITH = (
    r"(?:(?:am|are|is|was|have|has|had|been|got|getting|just|really|now|all|so|simply|i['\u2019]?m|i['\u2019]?ve) )*"
)
_MUCH = r"(?: (?:really|much|even|usually|particularly|especially))?"
_DISLIKING = (
    rf"{_AUX} (?:stand|bear|abide)", rf"{_AUX}{_MUCH} (?:like|love|enjoy|want|fancy|care for|need)",
    rf"(?:{_AUX}|not?) (?:interested in|a (?:big )?fan of|fond of|into|keen on)", r"avoid(?:s|ed|ing)?",
    r"hat(?:e|es|ed|ing)", r"dislik(?:e|es|ed|ing)", r"detest\w*", r"loath\w+", r"despis\w+",
    r"(?:stop|stops|stopped|stopping|quit|quits|quitting)(?= (?:to )?(?:the )?\w+ing\b)", r"quit",
    r"(?:gave|given|giving|gives?) up", r"cut(?:ting)? (?:out|down on|back on)", r"(?:tired|sick) of",
    r"fed up with", r"bored (?:of|with|by)", r"allergic to", r"(?:afraid|scared) of", r"fewer", r"less(?! than)",
    r"(?:keep|keeps|keeping|kept|stay|stays|staying|stayed) away from", r"steer(?:ing)? clear of",
    r"(?:keep|keeps|leave) (?:me|us)(?: well)? (?:away|clear) (?:from|of)", r"(?:keep|stay) well away from",
    r"had my fill of", r"so over", r"(?:had|have had) it with", r"had enough(?: of)?", r"enough of", r"gone off",
    r"(?<!\S )enough(?= \u2588)",
    r"(?:sworn|swear|swore) off", r"lay(?:ing)? off", r"wean(?:ed|ing)? (?:myself |us )?off", r"hold(?:ing)? off on",
    r"eas(?:e|ing) off", r"(?:take|taking|took|need|want) a (?:long )?(?:break|rest) from", r"pass(?:ing)? on",
    r"(?:drop|ditch|exclude|hide|remove|ban|forget|spare me|cross off|dump)(?: (?:the|any|all|every))?(?=\W)",
    r"count me out of", r"too (?:many|much)", r"outgrown?", r"grown out of", r"burn(?:ed|t) out on", r"wary of",
    r"put off by", r"turned off by", r"lost my (?:taste|appetite) for", r"no (?:thanks|thank you) to", r"hell no",
    r"nope", r"yuck", r"eww?", r"(?:can|could|would|i'll|i'd) (?:gladly |happily |easily )?do without", r"minus",
    r"sans", r"excluding", r"anything besides", r"way less", r"through with", r"kicked",
    r"no (?:wish|desire|intention) to",
    r"skip(?:s|ped|ping)?", r"refus(?:e|es|ed|ing)(?: to)?", r"lost (?:all )?interest in",
    r"no (?:interest in|fan of|more)", r"except(?: for)?", r"apart from", r"other than", r"instead of",
    r"rather than", r"any(?:thing|where) (?:but|except(?: for)?)", r"every(?:thing|where) but", r"but not",
    r"done with", r"without", r"no(?! longer| one|body)", r"neither", r"nor", r"none of",
)  # fmt: skip
SWAPPING = r"(?:swap|trade|exchange|replace|switch)(?: out)?(?= (?:(?:an?|the|any|some|my) )?\u2588)"
_TOO = "loud noisy expensive crowded busy boring far dirty dark smoky fancy cold hot".replace(" ", "|")
_JUDGED = (
    r"(?:is|are|was|were|feels?|gets?|got) (?:(?:just|far|way|much|so|simply|all|really|very) )*"
    rf"(?:too (?:{_TOO})|boring|awful|terrible|horrible|overrated|disgusting|gross|a waste of (?:my )?(?:time|money))"
    r"|sucks?\b|stinks?\b|(?:is|are) the worst"
    r"|(?:bore|annoy|scare|terrif[iy]e?|frighten|disgust|sicken|exhaust|depress|stress)(?:e?s)? (?:me|us)\b(?: out)?"
    r"|(?:puts?|sends?) (?:me|us) to sleep|turns? (?:me|us) off|wrecks? my|brings? on my"
    r"|(?:is|are) off (?:the table|limits)|makes? (?:me|us) (?:sick|ill|freeze|nervous|anxious|sad|dizzy)"
    r"|gives? (?:me|us) (?:a headache|headaches|hives|anxiety|the creeps)"
    r"|(?:is|are)(?: not|n['\u2019]t) (?:for me|my thing)"
)
_HAVE = r"(?:do|does|did|is|are|was|were|has|have|had|would|should|could|must|need|can|will|am)"
_CUE = re.compile(
    rf"\b(?P<judged>{_JUDGED})\b|^(?P<than>(?:than|over|to)(?: to(?: the)?)?)\b"
    rf"|\b{_WITH}(?P<disliking>{'|'.join(_DISLIKING)}|{SWAPPING})\b"
    rf"|\b(?P<kept>{_HAVE}){_N}\b|\bcannot\b|\b(?:ca|wo|ai)n['\u2019]?t\b"
    r"|\b(?P<never>never|no longer|not|rarely|seldom|hardly(?: ever)?|scarcely|barely)\b"
    r"|\b(?P<late>(?:any ?more|any longer)(?![\w ]*\w))",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"(?<!\w)(?:'[^']+'|\"[^\"]+\"|\u2018[^\u2019]+\u2019|\u201c[^\u201d]+\u201d)(?!\w)")
_REPORTS = re.compile(r"\b(?:say|says|said|saying|tells?|told|asks?|asked|claims?|thinks?|shouts?)\b", re.IGNORECASE)
_I_REPORT = re.compile(r"\bi (?:\w+ )?(?:say|said|tell|told|ask|asked|claim|think|shout)\b", re.IGNORECASE)
# Somebody else who likes or does something.
_OTHER = re.compile(
    r"(?:my|our) (?:[^\W_]+ )?(?:(?:grand|step)?(?:sister|brother|mother|father|mum|mom|dad|son|daughter|child|children"
    r"|kid|ma|pa|parent)|husband|wife|partner|spouse|fianc\u00e9e?|(?:boy|girl)?friend|aunt|uncle|cousin|niece|nephew"
    r"|boss|colleague|neighbou?r|(?:room|flat|house|class)mate|in-law|mate|ex)s?(?:-in-law)? "
    r"(?:(?:really|also|just|always|still|often|never|absolutely|truly|only) )*(?:loves?|likes?|enjoys?|adores?"
    r"|prefers?|hates?|dislikes?|avoids?|goes|go|visits?"
    r"|(?:is|are) (?:fond of|into|crazy about|keen on|a (?:big |huge )?fan of))\b",
    re.IGNORECASE,
)
_OURSELVES = re.compile(r"\b(?:i|we|us|me|both|together|myself|please)\b", re.IGNORECASE)
_HABIT = re.compile(r"(i|we) (\w+)", re.IGNORECASE)
_BEING = ("is", "are", "was", "were", "has", "have", "had", "am")


@dataclass(frozen=True)
class Turn:
    """A cue that turns round what a clause says, and the clause without it, in the words of somebody who likes it."""

    cue: str
    wording: str


def turns(clause: str, masked: str) -> list[Turn]:
    """The cues of a clause; `masked` is the clause with its names blotted out, as they may hold such words."""
    blotted = _NONE.sub(lambda match: "x" * len(match[0]), masked)
    found = list(_CUE.finditer(blotted))
    late = [match for match in found if match["late"]]
    if len(late) < len(found):  # "do not ... any more" is one
        found = [match for match in found if not match["late"]]
    cut = late[0].start() if late else len(clause)
    made = [Turn(match[0], _positive(clause[: match.start()], match, clause[match.end() : cut])) for match in found]
    if late or (made and made[0].cue.lower() == "no longer"):  # "I don't drink any more": as "I have stopped drinking"
        made = [replace(turn, wording=_liked(turn.wording)) for turn in made]
    return made


def _liked(wording: str) -> str:
    """A habit as a liking, "I drink" as "I like drinking"; any other wording as it is."""
    habit = _HABIT.fullmatch(wording)
    if not habit:
        return wording
    verb = habit[2].lower()
    if re.search(r"[^aeiou]e$", verb):
        verb = verb[:-1]
    elif re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", verb):
        verb += verb[-1]
    return f"{habit[1]} like {verb}ing"


def _positive(before: str, cue: re.Match[str], behind: str) -> str:
    """What is left of a clause without its cue, put in a positive way."""
    before, behind = before.strip(" ,"), behind.strip(" ,")
    if cue["judged"]:
        return f"I like {before}"
    if cue["disliking"]:
        return f"{before or 'I'} like {behind}"
    kept = cue["kept"] or ""
    if kept.lower() in _BEING:
        return f"{before} {kept} {behind}".strip()
    if not before:
        return f"I like {behind}"
    return f"{before} {behind}".strip()


def begins_with_turn(masked: str) -> bool:
    """Whether a text opens with a cue."""
    return _CUE.match(masked) is not None and _NONE.match(masked) is None


def is_reported(masked: str) -> bool:
    """Whether a sentence holds the words of somebody else, in quotes."""
    quoted = _QUOTED.search(masked)
    if not quoted:
        return False
    around = f"{masked[: quoted.start()]} {masked[quoted.end() :]}"
    return _REPORTS.search(around) is not None and not _I_REPORT.search(around)


def is_of_another(masked: str) -> bool:
    """Whether a sentence says what somebody else likes or does, and nothing of oneself ("My sister loves bars")."""
    return _OTHER.match(masked) is not None and _OURSELVES.search(masked) is None
