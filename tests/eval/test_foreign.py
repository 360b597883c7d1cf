"""Foreign predictions: what is found in a text, what is wrong in a file, and what the command prints."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import quick

from eval.answers import answer_of
from eval.cli import main
from eval.foreign import read_predictions
from eval.measures.metrics import rank_scores
from genrec.errors import InputError


@pytest.mark.parametrize(
    ("prediction", "ids"),
    [
        # JSON values
        (12, "12"),
        (12.0, "12"),
        ([3, "4", 5.0, "POI id 6", "p_7"], "3 4 5 6 p_7"),
        ([12, None, 5], "12"),  # nothing counts behind what is no id
        ([5, 5, 12], "5 5 12"),  # a repeated id keeps its slot
        (12.5, ""),
        (True, ""),
        (None, ""),
        ([], ""),
        ({"poi": 12}, "12"),
        ({"score": 12}, ""),
        # one id
        ("12", "12"),
        ("'12'", "12"),
        ("123. </s>", "123"),
        ("POI id 123", "123"),
        ("POI_id: 12", "12"),
        ("4b3fcbf7f964a520feae25e3", "4b3fcbf7f964a520feae25e3"),
        ("cafe", "cafe"),
        # lists
        ("[12, 34, 56]", "12 34 56"),
        ("12,34,56", "12 34 56"),
        ("12, 34; 56", "12 34 56"),
        ("POI 12 > POI 7", "12 7"),
        ("12\n7\n3", "12 7 3"),
        ("1. 34\n2. 56\n3. 7", "34 56 7"),
        ("1) p34\n2) p56", "p34 p56"),
        ("The top 3:\n1. POI id 34, at 8:00\n2. POI id 56 (Bar)\n3. Home", "34 56"),
        ('{"prediction": [12, 34], "reason": "POI 5 at 08:00"}', "12 34"),
        ("```json\n[4, 5]\n```", "4 5"),
        # sentences
        ("At 2013-01-03 10:13:27, user 1 will visit POI id 123.", "123"),
        ("User 1 will visit POI id 123 which is a Bar with category id 4.", "123"),
        ("The next POI id is 12.", "12"),
        ("The next one is 4b3fcbf7f964a520feae25e3.", "4b3fcbf7f964a520feae25e3"),
        ("3 visits, 10 km away, at 8:30 on 2012-04-14, 2.5 stars, so 41", "41"),
        ("7: Home", "7"),
        # answers
        ("Answer: 12.", "12"),
        ("**Answer:** 12", "12"),
        ("They were at POI 5; the final answer is: POI 7.", "7"),
        ("Prediction: none. I would say 9", "9"),
        ("My answer: because of habit", ""),
        ("12 it is. That is my answer: sure", "12"),
        ("<think>POI 3, or POI 4?</think><output>POI id 9", "9"),
        ("<think>POI 3, or POI 4?", ""),  # never came to an answer
        # nothing
        ("", ""),
        ("unknown", ""),
        ("I cannot tell.", ""),
        ("POI id", ""),
        ("user 55", ""),
        ("at 10:30", ""),
    ],
)
def test_what_is_found(prediction, ids):
    answer = answer_of(prediction)
    assert answer.ids == ids.split()
    assert not answer.ambiguous


@pytest.mark.parametrize(
    ("sentence", "first"),
    [
        ("I think it is 12 or 15", "12"),
        ("POI id 12, since they often come from POI id 5", "12"),
        ("POIs 3 and POI 4", "3"),
    ],
)
def test_the_first_of_several_counts_and_is_counted(sentence, first):
    answer = answer_of(sentence)
    assert answer.ids == [first]
    assert answer.ambiguous
    assert not answer_of(f"POI {first}; yes, POI {first}").ambiguous


@quick
@given(st.text() | st.text("POIid 123,.;:[]<>\n-answer") | st.recursive(st.none() | st.floats() | st.text(), st.lists))
def test_any_prediction_is_read_the_same_way_twice(prediction):
    answer = answer_of(prediction)
    assert answer == answer_of(prediction)
    assert all(answer.ids)


@quick
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.sampled_from([", ", "\n", " > ", ";"]))
def test_a_ranking_survives_being_written_as_text(ranking, between):
    written = between.join(map(str, ranking))
    for text in (written, f"[{written}]", f"Answer: [{written}]", between.join(f"POI id {poi}" for poi in ranking)):
        assert answer_of(text).ids == answer_of(ranking).ids == [str(poi) for poi in ranking]


def write(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_a_file_becomes_examples_and_rankings(tmp_path):
    path = write(
        tmp_path / "theirs.jsonl",
        "\ufeff" + json.dumps({"prediction": [7, 12, 3], "target": 12, "user": 1}),
        {"prediction": "POI id 12.", "target": "At 08:00, user 1 will visit POI id 12.", "user": 1, "more": "ignored"},
        "",
        {"prediction": "no idea", "target": "12", "user": "two"},
        {"prediction": "12 or 3", "target": 3.0, "user": "two"},
        {"prediction": list(range(100, 130)), "target": 125, "user": "two"},
        {"prediction": ["Central Park"], "target": "Central Park", "user": "two"},
    )
    found = read_predictions(path)
    assert (found.by_user, found.unreadable, found.ambiguous, found.longest) == (True, 1, 1, 20)
    assert found.examples["user_id"].to_list() == ["1", "1", "two", "two", "two", "two"]
    assert found.rankings["method"].unique().to_list() == ["theirs"]
    scored = rank_scores(found.examples, found.rankings)
    assert scored["rank"].to_list() == [2, 1, None, None, None, 1]
    assert scored["failure"].to_list() == [None, None, "no POI id in the prediction", None, None, None]


def test_without_users_rows_take_their_place(tmp_path):
    found = read_predictions(write(tmp_path / "p.jsonl", *[{"prediction": 1, "target": 1}] * 3))
    assert not found.by_user
    assert found.examples["user_id"].n_unique() == 3


GOOD = {"prediction": 1, "target": 1}


@pytest.mark.parametrize(
    ("rows", "where", "reason"),
    [
        ([], "", "no predictions"),
        ([GOOD, "{"], ", row 2", "not a JSON object"),
        ([GOOD, "", "[1, 2]"], ", row 3", 'Write one object a line: {"prediction": ..., "target": ...}'),
        (["[" * 100_000], ", row 1", "not a JSON object"),
        ([{"target": 1}], ", row 1", "no key 'prediction'; the keys are target"),
        ([GOOD, {"prediction": 1, "label": 1}], ", row 2", "no key 'target'; the keys are prediction, label"),
        ([{"prediction": 1, "target": [1]}], ", row 1, column 'target'", "'[1]' is not a single POI id"),
        ([{"prediction": 1, "target": None}], ", row 1, column 'target'", "not a single POI id"),
        ([{"prediction": 1, "target": "POI 3 or POI 4"}], ", row 1, column 'target'", "not a single POI id"),
        ([GOOD | {"user": 1}, GOOD], ", row 2", "some rows have a user and some have none"),
        ([GOOD | {"user": [1]}], ", row 1, column 'user'", "'[1]' is not a user id"),
    ],
)
def test_a_fault_says_file_and_row(rows, where, reason, tmp_path):
    path = write(tmp_path / "p.jsonl", *rows)
    with pytest.raises(InputError) as raised:
        read_predictions(path)
    assert str(raised.value).startswith(f"{path}{where}: ")
    assert reason in str(raised.value)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "p.jsonl").write_bytes(b'{"prediction": 1, "target": 1}\n{"prediction": "\xff", "target": 1}\n')
    with pytest.raises(InputError, match="row 2: not a JSON object"):
        read_predictions(tmp_path / "p.jsonl")


@pytest.fixture
def command(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["genrec-eval", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        return int(exit_.value.code or 0), *capsys.readouterr()

    return run


def test_the_command_prints_metrics_and_what_to_know(command, tmp_path):
    rows = [{"prediction": f"POI id {i % 2}.", "target": 0, "user": i // 4} for i in range(40)]
    path = write(tmp_path / "theirs.jsonl", *rows, {"prediction": "no idea", "target": 0, "user": 0})
    code, out, _ = command("score", path)
    assert code == 0
    for name in ("Acc@1", "Acc@5", "Acc@10", "Acc@20", "MRR@20", "NDCG@10"):
        assert name in out
    assert f"{20 / 41:.4f}" in out
    assert "41 predictions of 10 users; intervals by bootstrap over users." in out
    assert "Predictions without a POI id: 1; they are misses." in out
    assert "Places in the longest ranking: 1; " in out
    assert command("score", path) == (0, out, "")
    without = write(tmp_path / "rows.jsonl", {"prediction": "1 or 2", "target": 1}, {"prediction": "1", "target": 2})
    _, out, _ = command("score", without)
    assert "2 predictions; no users given: intervals by bootstrap over rows" in out
    assert "Sentences that name several ids: 1; the first counts." in out


def test_the_command_reports_a_fault_in_one_line(command, tmp_path):
    assert command("score", tmp_path / "nowhere.jsonl") == (2, "", f"error: {tmp_path}/nowhere.jsonl: no such file.\n")
    path = write(tmp_path / "p.jsonl", GOOD, "{")
    code, out, err = command("score", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{path}, row 2: not a JSON object" in err
