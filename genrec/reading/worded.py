"""Times with words in them, as people and programs of many countries write them: put into figures.

`Jan 8, 2024 8:02 p.m.`, `Mon, 08 Jan 2024 20:02:14 GMT`, `08-JAN-2024 20:02`, `08-JAN-24 20:02`,
`2024年1月8日 下午8:02`, `08/01/2024 20h02`.
"""

import re
from typing import Final

import polars as pl

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]{{0,6}}\.?"
_DAY = r"(?P<day>[0-9]{1,2})"
_YEAR = r"(?P<year>[0-9]{4})"
_CLOCK = r"(?P<clock>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)"
_DATE = "${year}-${month}-${day} "
_DAY_MONTH = rf"(?i)^(?:[a-z]{{3,9}},? +)?{_DAY}(?:st|nd|rd|th)?(?: +|-){_MONTH}(?:,? +|-)"
_STEPS: Final = (
    (r"[\x{a0}\x{2009}\x{202f}\x{3000}]", " "),
    (rf"(?i)^(?:[a-z]{{3,9}},? +)?{_MONTH} +{_DAY}(?:st|nd|rd|th)?,? +{_YEAR}(?:,? +|$)", _DATE),
    (rf"{_DAY_MONTH}{_YEAR}(?:,? +|$)", _DATE),
    (rf"{_DAY_MONTH}(?P<year>[0-6][0-9])(?:,? +|$)", f"20{_DATE}"),
    (rf"{_DAY_MONTH}(?P<year>[7-9][0-9])(?:,? +|$)", f"19{_DATE}"),
    (rf"^{_YEAR} ?[年년] ?(?P<month>[0-9]{{1,2}}) ?[月월] ?{_DAY} ?[日일]? ?", _DATE),
    (r"(?P<unit>[時时시]) ?(?P<one>[0-9]) ?[分분]", "${unit}0${one}分"),
    (r"[分분] ?(?P<one>[0-9]) ?[秒초]$", "分0${one}秒"),
    (r"(?P<hour>[0-9]{1,2}) ?[hH時时시] ?(?P<minute>[0-9]{2}) ?[分분]?$", "${hour}:${minute}"),
    (
        r"(?P<hour>[0-9]{1,2}) ?[時时시] ?(?P<minute>[0-9]{2}) ?[分분] ?(?P<second>[0-9]{2}) ?[秒초]$",
        "${hour}:${minute}:${second}",
    ),
    (r"(?P<half>[午上下오][前午後전후]) ?0?0:", "${half}12:"),  # the twelfth hour counts as none there
    (rf"(?:午前|上午|오전) ?{_CLOCK}$", "${clock} AM"),
    (rf"(?:午後|下午|오후) ?{_CLOCK}$", "${clock} PM"),
    (rf"(?i){_CLOCK} ?a\. ?m\.?$", "${clock} AM"),
    (rf"(?i){_CLOCK} ?p\. ?m\.?$", "${clock} PM"),
    (r" $", ""),
)
_NUMBERS: Final = {f"-{name}-": f"-{number:02}-" for number, name in enumerate(_MONTHS, start=1)}
# What a value has that may be such a time.
_HINT = re.compile(
    r"(?i)[\u00a0\u2009\u202f\u3000年년午下上오]|[0-9] ?[h時时시]|[ap]\. ?m"
    rf"|\b{_MONTH},?[ -]+(?:[0-9]{{1,2}}(?:st|nd|rd|th)?,? +)?[0-9]{{2}}"
)


def in_figures(text: pl.Series) -> pl.Series:
    """A String column of times; what is not written in such a way stays as it is."""
    for pattern, figures in _STEPS:
        text = text.str.replace(pattern, figures)
    return text.str.replace_many(_NUMBERS, ascii_case_insensitive=True)


def value_in_figures(value: str) -> str:
    """The same of one value."""
    return str(in_figures(pl.Series([value]))[0]) if _HINT.search(value) else value
