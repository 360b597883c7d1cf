"""What tests of runs and audits start from: a model that answers by a rule, and a run of a small town."""

import re
from pathlib import Path

from made import KINDS
from made_city import town

from eval.audit import audit
from eval.methods.llm import LlmMethod, LlmSpec
from eval.methods.rankers import RankerMethod
from eval.protocol import cases
from eval.run import run
from genrec.errors import GenRecError
from genrec.profiles.shelf import ProfileShelf
from genrec.rankers.llm import TopK
from genrec.rankers.simple import CountingRanker


class RuleModel:
    """Stands for the models of a run: puts the user's most visited place first, and remembers what it was asked."""

    def __init__(self, failing=lambda query: False):
        self.asked = []
        self.calls = []
        self._failing = failing

    def adapter(self, prompt):
        return None

    def settings(self, adapted, prompt):
        return {"model": "rule", "server": None, "adapter": None}

    def recommender(self, adapted, prompt):
        self.adapted = adapted
        return self

    def rank(self, queries, *, k, level, habit_table):
        self.calls.append((len(queries), level, habit_table))
        for query in queries:
            if self._failing(query):
                raise GenRecError(f"the prompt of {query.profile.user_id} is too long")
        self.asked += queries
        return [self._answer(query, k) for query in queries]

    def _answer(self, query, k):
        known = [place.poi for place in query.profile.habits.places]
        order = list(dict.fromkeys([*known, *range(len(KINDS))]))[:k]
        return TopK(order, [0.5 / 2**i for i in range(len(order))], frozenset(known), 100, 0)


WRITTEN = ("metrics.json", "report.md", "report.html")


def llm(name, models, checkins, given=(), seed=0):
    return LlmMethod(name, LlmSpec.parse(name), models, ProfileShelf(given, checkins, seed=seed))


def town_run(out: Path, profiles=(), **arguments):
    """A run of a town by habits, another baseline and two model methods."""
    asked = cases(town(6), **{"split": "rolling", **arguments})
    models = RuleModel()
    methods = [RankerMethod(CountingRanker("habits")), RankerMethod(CountingRanker("popularity"))]
    methods += [llm(name, models, asked.checkins, profiles) for name in ("llm:full", "llm:full-swapped")]
    run(asked, methods, out, name="town", profiles=profiles)
    return asked


def contents(folder):
    """All files of a run but the times, and the reports that show them."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "times.json" and path.suffix not in {".html", ".md"}
    }


def kill(run):
    """Leave a run as if it had been killed in the middle of its last method's answers."""
    (run / "rankings.parquet").unlink()
    (run / "metrics.json").unlink()
    last = max((run / "parts").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    lines = last.read_text().splitlines(keepends=True)
    last.write_text("".join(lines[:-2]) + lines[-2][:9])


def leaks(run):
    return [leak for finding in audit(run) for leak in finding.leaks]


def no_person_and_no_path(text, people, *folders):
    assert not re.search(r"\d{4}-\d\d-\d\d", text), "the time of a check-in"
    for word in [*(f'"{user}"' for user in people), *map(str, folders), "user_id", "poi_id"]:
        assert word not in text
