"""A study of writing: what its demonstrations, pairs and scores are, and that it runs with a tiny real model."""

import numpy as np
import pytest
from made_budget import study, tiny_study
from made_budget_runs import workshop
from pydantic import ValidationError

from eval.profiles.portraits import Score
from training.budget.report.results import gather
from training.budget.report.write import write_report
from training.budget.runner import run_study
from training.budget.tasks.writing import WritingTask, copies_notes, worth

TASK = {
    "kind": "profile-writing",
    "cities": {"count": 1, "first_seed": 5000},
    "validation_cities": {"count": 1, "first_seed": 8000},
    "test_cities": {"count": 1, "first_seed": 9000},
    "sentences": 2,
    "max_tokens": 2,
    "train_limit": 40,
    "validation_limit": 2,
    "test_limit": 2,
}


class Says:
    """A model that writes what it is told to, one text a question."""

    name = "says"

    def __init__(self, texts):
        self._texts = texts

    def generate(self, prompts, **settings):
        return [type("Written", (), {"text": text})() for text in self._texts]


def test_what_a_paragraph_is_worth():
    whole = Score(supported=1, told=1, redundant=0, readability=100, words=20)
    assert worth(whole) == pytest.approx(1)
    for worse in (
        Score(0.5, 1, 0, 100, 20), Score(1, 0.5, 0, 100, 20), Score(1, 1, 0.5, 100, 20), Score(1, 1, 0, 20, 20),
    ):  # fmt: skip
        assert 0 < worth(worse) < 1
    assert worth(Score(0, 0, 0, 0, 0)) == 0
    assert copies_notes("- likes: Bars - often: POI 4 (Park)")
    assert not copies_notes("They like a Bar, and often go to POI 7 (Park).")


def test_no_city_is_both_learned_from_and_tested_with():
    for change in ({"test_cities": {"count": 3, "first_seed": 4998}}, {"validation_cities": TASK["test_cities"]}):
        with pytest.raises(ValidationError, match="share cities"):
            study(task=TASK | change)


@pytest.mark.slow
def test_demonstrations_pairs_and_scores():
    cities = []
    task = WritingTask(study(task=TASK).task, lambda done, total: cities.append((done, total)))
    assert cities == [(done, len(cities)) for done in range(1, len(cities) + 1)] != []
    asked = task.questions
    assert [len(part) for part in (asked.train, asked.validation, asked.test)] == [40, 2, 2]
    assert all(len(one.prompt[-1]["content"].split("\n- ")) <= 3 for part in (asked.train, asked.test) for one in part)
    template = task.template()
    assert template.beside == [1.0] * 2
    assert min(template.scores) > 0.9
    demonstrated = {(one.prompt[-1]["content"], one.answer) for one in asked.train}
    bought = [pair for batch in task.pairs(range(40), None) for pair in batch]
    assert len(bought) > 30
    for pair in bought:
        assert (pair.prompt[-1]["content"], pair.chosen) in demonstrated
        assert pair.chosen != pair.rejected
    notes = asked.test[0].prompt[-1]["content"].split("\n- ")[1].split("\n")[0]
    written = [asked.test[0].answer, notes, "", "They often go to POI 123456."]
    found = task.scores(Says(written), [asked.test[0]] * 4)
    assert found.scores[0] > 0.9 > 0.21 > max(found.scores[1:])
    assert found.beside == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.slow
def test_a_study_of_writing(tmp_path, tiny_folder, monkeypatch):
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))
    asked = tiny_study(tmp_path, tiny_folder, task=TASK, max_length=2000, budgets=[4], seeds=[0])
    out = tmp_path / "out"
    folder = workshop(asked, out)
    run_study(folder, say=[].append)
    results = gather(folder)
    assert np.isfinite(results.beside.values).all()
    found = write_report(out, results)
    report = (out / "report.md").read_text()
    assert "## Supported sentences" in report
    assert f"A template, without any language model, has portrait score {found.template:.3f}" in report
    assert "Where the price changes the answer" in report
    assert "template" in (out / "charts" / "curves-1.svg").read_text()
