"""Tasks of files: what a row may look like, and what a score depends on."""

import json
import sys

import pytest
from made_budget import file_task, study
from pydantic import ValidationError

from genrec.errors import GenRecError, InputError
from training.budget.chain import Chain, chain_facts, result_facts
from training.budget.tasks.jsonl import DemonstrationRow, JsonlTask, PreferenceRow, metric, read_rows

GOOD = {"prompt": "Where to?", "completion": "7", "chosen": "7", "rejected": "8"}


def written(path, *rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def test_rows_are_texts_or_conversations(tmp_path):
    told = [{"role": "system", "content": "Be brief.\u2028Please."}, {"role": "user", "content": "Where to?"}]
    answer = [{"role": "assistant", "content": "7"}]
    path = written(tmp_path / "rows.jsonl", GOOD | {"weight": 3}, GOOD | {"prompt": told, "completion": answer})
    plain, conversation = read_rows(path, DemonstrationRow)
    assert plain.model_dump()["weight"] == 3
    assert [one.content for one in conversation.prompt] == [one["content"] for one in told]
    assert conversation.completion == plain.completion == "7"
    task = JsonlTask(study(task=file_task(tmp_path)).task)
    assert task.questions.train[0].prompt == ({"role": "user", "content": "0 and then"},)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"prompt": ["Where", "to?"]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [{"role": "robot", "content": ""}]}, "prompt"),
        ({"prompt": 7}, "row 2: not a row: prompt: Input should be a valid string"),
        ({"prompt": [{"role": "user", "text": ""}]}, "row 2: not a row: prompt.0.content: is missing"),
        ({"chosen": 7}, "chosen: Input should be a valid string"),
        ({"chosen": [{"role": "assistant", "content": "7"}] * 2}, "chosen: Input should be a valid string"),
        ({"rejected": "7"}, "chosen and rejected are the same"),
    ],
)
def test_other_rows_are_one_line_with_their_number(tmp_path, change, problem):
    path = written(tmp_path / "rows.jsonl", GOOD, GOOD | change)
    with pytest.raises(InputError, match=problem) as caught:
        read_rows(path, PreferenceRow)
    assert f"{path}, row 2" in str(caught.value)


def test_files_that_hold_no_rows(tmp_path):
    for text, problem in (
        ("", "holds no rows"),
        ("7\n", "must be a mapping of keys"),
        ('{"prompt":\n', "Invalid JSON"),
    ):
        path = tmp_path / "rows.jsonl"
        path.write_text(text)
        with pytest.raises(InputError, match=problem):
            read_rows(path, DemonstrationRow)


@pytest.mark.parametrize(
    ("metric_code", "problem"),
    [
        ("def score(text, row:", "SyntaxError"),
        ("def score(text, row): return row['grade']", r"of .*validation.jsonl:1: KeyError: 'grade'"),
        ("def score(text, row): return 'good'", "could not convert"),
        ("def score(text, row): return float('nan')", "gives nan, not a number"),
    ],
)
def test_what_is_wrong_with_a_metric_shows_before_anything_is_trained(tmp_path, monkeypatch, metric_code, problem):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "faulty", raising=False)
    (tmp_path / "faulty.py").write_text(metric_code + "\n")
    with pytest.raises(GenRecError, match=problem) as caught:
        JsonlTask(study(task=file_task(tmp_path) | {"metric": "faulty:score"}).task)
    assert "task.metric faulty:score" in str(caught.value)


def test_nothing_is_learned_from_the_test_file(tmp_path):
    task = file_task(tmp_path)
    for change in ({"test": task["preferences"]}, {"validation": task["demonstrations"]}):
        with pytest.raises(ValidationError, match="files of their own"):
            study(task=task | change)


def test_scores_depend_on_what_judges_but_models_do_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    own = tmp_path / "own_metric.py"
    own.write_text("def score(text, row):\n    return 1.0\n")
    assert metric("own_metric:score")("a", {}) == 1.0
    task, chain = file_task(tmp_path) | {"metric": "own_metric:score"}, Chain("sft", 0, 1e-3, (4,))
    before = result_facts(study(task=task), chain, 4, "m")
    for change in ({"max_tokens": 256}, {"stop": "###"}, {"metric": "exact"}):
        after = study(task=task | change)
        assert result_facts(after, chain, 4, "m") != before
        assert chain_facts(after, chain, "m") == before["run"]
    own.write_text("def score(text, row):\n    return 0.5\n")
    assert result_facts(study(task=task), chain, 4, "m") != before
    with pytest.raises(GenRecError, match="write exact or module:function"):
        metric("own_metric:gone")
