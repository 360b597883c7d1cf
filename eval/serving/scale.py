"""What serving many people takes: tokens, GPU-hours, caches, storage and money, from figures whose source is named.

A ranking without the language model costs no tokens. The rule of `genrec-eval beside` asks the model at a share of the
rankings; what it saves is the rest.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from eval.serving.loads import DAY, HOURS
from genrec.llm.adapter import SHIPPED, WEIGHTS

RESULTS: Final = Path(__file__).parents[1] / "results"
BENCH, BESIDE = "bench-cpu.json", "calgary-beside.json"
THOUSAND: Final = 1000
PEAK: Final = max(HOURS) * len(HOURS) / sum(HOURS)  # the busiest hour, as a multiple of the mean


@dataclass(frozen=True)
class Figure:
    """A number, and where it is from: `measured` in `source`, times a stated factor."""

    about: str
    measured: float
    source: str
    factor: float = 1.0
    why: str = ""

    @property
    def value(self) -> float:
        """What is reckoned with."""
        return self.measured * self.factor


def defaults() -> dict[str, Figure]:
    """All figures but for how many people and cities there are. Those of the user replace them."""
    beside, bench = _result(BESIDE)["settings"], _result(BENCH)
    first, later = (_asks(bench["limits"], asks) for asks in ("first", "repeated"))
    [rate] = [row["per_second"] for row in bench["rows"] if _is(row, way="transformers", asks="first", users=1)]
    tokens = first["prompt_positions"] + first["nodes"]
    processor = rate * tokens
    visits = beside["data"]["check_ins"] / beside["data"]["users"]
    share = beside["asked"]["fusion with the model, 25% asked"]
    adapter = (SHIPPED / WEIGHTS).stat().st_size
    prompt = f"{BENCH}: limits, first asks, 600 places"
    return {
        "visits": Figure("check-ins kept of a person", visits, f"{BESIDE}: check-ins / people"),
        "rankings": Figure(
            "rankings a person a day", visits, f"{BESIDE}: check-ins / people", 1 / 30, "one a visit, all in a month"
        ),
        "share": Figure("share of the rankings that ask the model", share, f"{BESIDE}: asked, at 25%"),
        "first_tokens": Figure("tokens of a person's first ranking", tokens, f"{prompt}: prompt + scored"),
        "later_tokens": Figure(
            "tokens of a ranking soon after", later["prompt_positions"] + later["nodes"], f"{BENCH}: limits, later asks"
        ),
        "sessions": Figure("share of first rankings", 1.0, "no measurement", 1 / 3, "three rankings a session"),
        "profile_tokens": Figure(
            "tokens to write a profile", first["prompt_positions"], prompt, 1.5, "a prompt of that length, half as much"
        ),
        "profile_days": Figure("days between two writings of a profile", 30.0, "no measurement"),
        "tokens_per_second": Figure(
            "tokens a second of a GPU", processor, f"{BENCH}: first asks on 2 cores", 1000, "132 GFLOP/s to 132 TFLOP/s"
        ),
        "price": Figure("price of a GPU-hour", 2.5, "no measurement: yours"),
        "cache_bytes": Figure("bytes of keys and values a token", 36_864, "the embedded model's shape, in float32"),
        "cache_minutes": Figure("minutes that a person's prompt is kept", 10.0, "no measurement"),
        "adapter_bytes": Figure("bytes of an adapter", adapter, "the adapter that ships: rank 16, float32"),
        "visit_bytes": Figure("bytes of a check-in", 32.0, "no measurement: two times, two ids"),
        "profile_bytes": Figure("bytes of a profile", 4096.0, "no measurement: text and evidence"),
    }


@dataclass(frozen=True)
class Demand:
    """Who is served."""

    people: int
    cities: int
    adapters: int  # of each city


def needs(demand: Demand, figures: Mapping[str, float], share: float) -> dict[str, float]:
    """What a day takes if the model is asked at a share of the rankings."""
    f = figures
    rankings = demand.people * f["rankings"]
    asked = rankings * share
    a_ranking = f["sessions"] * f["first_tokens"] + (1 - f["sessions"]) * f["later_tokens"]
    ranking_tokens, profile_tokens = asked * a_ranking, demand.people * f["profile_tokens"] / f["profile_days"]
    hours = (ranking_tokens + profile_tokens) / f["tokens_per_second"] / 3600
    ranking_hours = ranking_tokens / f["tokens_per_second"] / 3600
    # A session's prompt stays for its minutes; profiles can be written at night, rankings come at their hours.
    kept = asked * f["sessions"] * PEAK * f["cache_minutes"] * 60 / DAY
    return {
        "rankings": rankings,
        "asked": asked,
        "tokens": ranking_tokens + profile_tokens,
        "gpu_hours": hours,
        "gpus_at_peak": ranking_hours / 24 * PEAK,
        "cache_bytes": kept * f["first_tokens"] * f["cache_bytes"],
        "adapter_bytes": demand.cities * demand.adapters * f["adapter_bytes"],
        "storage_bytes": demand.people * (f["visits"] * f["visit_bytes"] + f["profile_bytes"]),
        "cost": hours * f["price"],
        "cost_per_1000": hours * f["price"] / rankings * THOUSAND,
    }


def compared(demand: Demand, figures: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """With the rule, and with the model asked at every ranking."""
    return {"with the rule": needs(demand, figures, figures["share"]), "asked always": needs(demand, figures, 1.0)}


@cache
def _result(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RESULTS / name).read_text(encoding="utf-8"))
    return content


def _asks(limits: list[dict[str, Any]], asks: str) -> dict[str, Any]:
    [found] = [limit for limit in limits if (limit["pois"], limit["asks"]) == (600, asks)]
    return found


def _is(row: Mapping[str, Any], **wanted: object) -> bool:
    return row["pois"] == 600 and all(row[key] == value for key, value in wanted.items())
