"""How models write ids and lists, and that no text of theirs takes long or ends in anything but an answer."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import quick

from eval.answers import LONGEST, answer_of
from eval.foreign import read_predictions
from eval.measures.metrics import rank_scores
from genrec.errors import InputError


@pytest.mark.parametrize("written", [12, 12.0, "12", "12.0", " 12 ", "#12", "'12.0'", "<12>", {"poi": "12.0"}])
def test_one_id_however_it_is_written(written):
    for prediction in (written, [written], json.dumps([written]), json.dumps({"ranking": [written]})):
        assert answer_of(prediction).ids[:1] == ["12"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # numbers
        ("[12.0, 17.0]", "12 17"),
        ("12.0; 17.00", "12 17"),
        ("[12. 17.  5.]", "12 17 5"),
        ("Answer: 12.0", "12"),
        ("I would say 12.0", "12"),
        ("4.0 stars, so 41", "41"),
        # codes
        ("<a_12><b_7>", "<a_12><b_7>"),
        ("<a_12> <b_7>", "<a_12><b_7>"),
        ("<|poi_12|></s>", "<|poi_12|>"),
        ("<cafe>", "<cafe>"),
        ("[<a_1><b_2>, <a_3> <b_4>]", "<a_1><b_2> <a_3><b_4>"),
        ('["<a_1><b_2>", "<a_3><b_4>"]', "<a_1><b_2> <a_3><b_4>"),
        ("<a_1> > <a_2> -> <a_3>", "<a_1> <a_2> <a_3>"),
        ("<think><a_9></think><answer><a_1><b_2></answer>", "<a_1><b_2>"),
        ("<user_55> goes to <a_1><b_2> at 8, says <output>", "<a_1><b_2>"),
        ("1. <a_1><b_2>\n2. <a_3><b_4>", "<a_1><b_2> <a_3><b_4>"),
        ("POI id <a_1><b_2>, as ever", "<a_1><b_2>"),
        ("<12><4>", "<12><4>"),
        # tags
        ("<answer>17</answer>", "17"),
        ("<h1>17</h1>", "17"),
        ("<s>17</s>", "17"),
        ("<POI 17>", "17"),
        ("<answer: 17>", "17"),
        ("<output></output>", ""),
        ("</s>", ""),
        ("<|im_end|>", ""),
        # lists with marks
        ("#1 17", "17"),
        ("#1 17\n#2 12", "17 12"),
        ("#1: POI 17\n#2: POI 12", "17 12"),
        ("1. 17 2. 12 3. 5", "17 12 5"),
        ("1) 17, 2) 12", "17 12"),
        ("(1) 17 (2) 12", "17 12"),
        ("**1.** 17\n**2.** 12", "17 12"),
        ("Rank 1: 17\nRank 2: 12", "17 12"),
        ("- 17", "17"),
        ("* 17\n* 12", "17 12"),
        ("• POI 17 (Bar)\n• POI 12 (Gym)", "17 12"),
        ("- **17** - a bar\n- **12** - a gym\n- home", "17 12"),
        ("- 17, 12", "17 12"),
        ("Sure! My ranking: 17, 12, 5", "17 12 5"),
        ("They like pubs.\nTop 3: 17, 12, 5", "17 12 5"),
        # JSON
        ('[{"poi": 17}]', "17"),
        ("[{'poi_id': 17, 'score': 0.9}, {'poi_id': 12, 'score': 0.1}]", "17 12"),
        ('{"ranking": [17, 12]}', "17 12"),
        ('{"Top-10 POIs": ["17", "POI 12"]}', "17 12"),
        ('{"1": 17, "2": 12}', "17 12"),
        ('{"answer": {"place_id": "17"}}', "17"),
        ('```json\n{"prediction": [17.0], "reason": "the answer is: 5"}\n```', "17"),
        ('Here you are:\n```json\n[\n  {"rank": 1, "poi": 17},\n  {"rank": 2, "poi": 12}\n]\n```', "17 12"),
        ('["POI 17 (Bar)", "POI 12 (Gym)"]', "17 12"),
        ('{"prediction": null}', ""),
        ('{"prediction": 17, "reason": "It\'s cut o', "17"),
    ],
)
def test_forms_of_answers(text, ids):
    answer = answer_of(text)
    assert answer.ids == ids.split()
    assert not answer.ambiguous


codes = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 300)), min_size=1, max_size=4).map(
    lambda parts: "".join(f"<{level}_{number}>" for level, number in parts)
)


@quick
@given(st.lists(codes, min_size=1, max_size=8), st.sampled_from([", ", "\n", " > ", "; "]))
def test_codes_survive_being_written_as_text(ranking, between):
    written = between.join(ranking)
    numbered = "\n".join(f"{i}. {code}" for i, code in enumerate(ranking, start=1))
    for text in (written, f"[{written}]</s>", f"<output>{written}</output>", f"Answer: {written}", numbered):
        assert answer_of(text).ids == answer_of(ranking).ids == ranking


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["poi", "answer", "1"]), inner),
    max_leaves=20,
)
pieces = st.sampled_from(
    ["POI ", "id", "12", ".0", "1. ", "#1 ", "- ", "\n", "<a_1>", "<", ">", "</s>", "<think>", "[", "]", "{", "}",
     '"poi"', ": ", ", ", "'", "answer", " is ", "```json\n", "²", "٣", "\ud800", "\U000f0041", "é", "NaN", "-", "null"]
)  # fmt: skip


@quick
@given(values | st.lists(pieces, max_size=30).map("".join))
def test_any_value_has_an_answer(value):
    answer = answer_of(value)
    assert answer == answer_of(value)
    assert all(0 < len(poi) <= LONGEST for poi in answer.ids)


@quick
@given(st.lists(st.dictionaries(st.sampled_from(["prediction", "target", "user", "more"]), values), max_size=4))
def test_any_rows_are_read_or_refused(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        try:
            read_predictions(path)
        except InputError as error:
            assert "\n" not in str(error)


def test_what_is_too_long_for_an_id():
    for prediction in (10**5000, [10**5000], float("inf"), float("nan"), "9" * 5000, ["x" * 300]):
        assert answer_of(prediction).ids == []


def test_deep_nesting_is_no_answer():
    deep: object = 12
    for _ in range(5000):
        deep = {"answer": deep}
    assert answer_of(deep).ids == ["12"]
    assert answer_of("[" * 100_000).ids == []
    assert answer_of('{"a":' * 100_000).ids == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [" ", "1", "a", "[", "(", "\n", "POI ", "POI-", '"', "<a_1>", "<", "1. 17 ", "answer ", "- 1\n", "1.0 ", "{"],
)
def test_long_runs_take_linear_time(unit):
    code = (
        "import sys; from eval.answers import answer_of\n"
        "for before, behind in (('', ''), ('POI', ' !'), ('answer', 'x')):\n"
        "    answer_of(before + sys.argv[1] * (350_000 // len(sys.argv[1])) + behind)"
    )
    subprocess.run([sys.executable, "-c", code, unit], check=True, timeout=60)


def test_csv_files_of_a_folder(tmp_path):
    (tmp_path / "1.csv").write_text(
        "user_id,ground_truth,prediction,reason\n"
        '1,42,17,"They like ""17"",\nand 42"\n1,17,17.0,\n1.0,17,"[5, 17.0]",x\n'
    )
    (tmp_path / "2.csv").write_text("\ufeffuser_id,ground_truth,prediction,reason,stay_ind\n2,3,,,0\n")
    found = read_predictions(tmp_path)
    assert rank_scores(found.examples, found.rankings)["rank"].to_list() == [None, 1, 2, None]
    assert found.examples["user_id"].to_list() == ["1", "1", "1", "2"]
    assert (found.unreadable, found.by_user) == (1, True)
    lines = tmp_path / "p.jsonl"
    lines.write_text('{"user_id": 1.0, "ground_truth": "17.0", "prediction": "17", "reason": 5}\n')
    found = read_predictions(lines)
    assert rank_scores(found.examples, found.rankings)["rank"].to_list() == [1]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("p.csv", b"prediction,target\n1,2\n1,2,3\n", "row 3: 3 fields, but 2 columns"),
        ("p.csv", b"prediction,label\n1,2\n", "row 2: no column 'target'; the columns are prediction, label"),
        ("p.csv", b"prediction,target\n1,\n", "row 2, column 'target': '' is not a single POI id"),
        ("p.csv", b"prediction,target\n1,\xff\n", "not CSV"),
        ("p.csv", b'prediction,target\n"' + b"x" * 200_000, "not CSV (field larger"),
        ("p.csv", b"", "no predictions"),
        ("p.jsonl", b'{"prediction": 1, "target": "\xff"}', "row 1: not a JSON object"),
        ("p.jsonl", b'{"prediction": 1, "target": 1, "user": "\\ud800"}', "column 'user'"),
        ("p.jsonl", b'{"prediction": 1, "target": ' + b"9" * 5000 + b"}", "is not a single POI id"),
        ("p.jsonl", b'{"prediction": 1, "target": NaN}', "is not a single POI id"),
        ("p.jsonl", b'{"prediction": 1, "target": "[3, 4]"}', "is not a single POI id"),
        ("p.jsonl", b'{"prediction": 1, "target": {"poi": 3}}', "is not a single POI id"),
        ("p.jsonl", b'{"prediction": 1, "' + b"k" * 5000 + b'": 3}', "no key 'target'"),
        ("p.jsonl", b" " * 10_000_001, "row 1: longer than 10 MB"),
    ],
)
def test_hostile_files(name, content, reason, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_predictions(tmp_path / name)
    assert reason in str(raised.value)
    assert len(str(raised.value)) < 1000


def test_a_pipe_and_an_empty_folder(tmp_path):
    with pytest.raises(InputError, match="no files that end in"):
        read_predictions(tmp_path)
    os.mkfifo(tmp_path / "p.jsonl")
    with pytest.raises(InputError, match="not a regular file"):
        read_predictions(tmp_path / "p.jsonl")


def test_other_columns_may_hold_anything(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"prediction": 3, "target": 3, "more": ' + "9" * 9000 + ', "score": NaN}\n')
    assert read_predictions(path).unreadable == 0
