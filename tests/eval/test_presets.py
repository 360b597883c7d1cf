"""Ablation, and what the figures that a preset leaves give away."""

import json
from pathlib import Path

import pytest
from made import at, make
from made_city import csv_of, failed, town, written
from made_runs import WRITTEN, RuleModel, contents, kill, leaks, llm, no_person_and_no_path

from eval.experiments.experiment import ABLATION, ablation_methods, run_figures, to_json
from eval.methods.llm import LlmSpec
from eval.methods.rankers import RankerMethod
from eval.protocol import cases
from eval.report.write import write_report
from eval.run import run as run_all
from genrec.profiles.profile import write_profiles
from genrec.rankers.simple import CountingRanker
from genrec.reading.reader import read_checkins

pytestmark = pytest.mark.usefixtures("little_work")


# --- a run ---


def shape(value):
    """The names in plain data; rows of a table have one shape."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return shape(value[0]) if isinstance(value, list) and value else None


def test_a_run_gives_the_figures_that_are_kept_beside_the_code(genrec_eval, tmp_path):
    kept = json.loads((Path(__file__).parents[2] / "eval/results/calgary-rolling-fusion.json").read_text())
    path, run, figures = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "run", tmp_path / "figures.json"
    command = ["run", path, "--method", "habits", "--method", "markov", "--split", "rolling", "--seed", 3]
    assert genrec_eval(*command, "--out", run, "--aggregates", figures)[0] == 0
    found = json.loads(figures.read_text())
    assert found["command"] == (
        "genrec-eval run town.csv --method habits --method markov --out DIR --split rolling --seed 3"
    )
    for figure in (kept, found):
        del figure["failures"], figure["ece"], figure["settings"]["versions"]
    del kept["settings"]["methods"]["fusion"]
    habits, markov = found["settings"]["methods"].values()
    assert shape(found["settings"] | {"methods": {}}) == shape(kept["settings"] | {"methods": {}})
    assert habits["weights"] == pytest.approx(kept["settings"]["methods"]["habits"]["weights"])
    assert (shape(habits), markov) == (shape(kept["settings"]["methods"]["habits"]), {})
    assert shape(found | {"settings": {}}) == shape(kept | {"settings": {}})
    no_person_and_no_path(figures.read_text(), [f"u{i}" for i in range(6)], tmp_path)


def test_figures_of_a_run_are_about_nobody(tmp_path):
    alone = [("u9", poi, at(11, 20 + hour)) for hour, poi in enumerate((0, 1, 0, 1))]
    visits = town(6).frame.select("user_id", "poi", "time").rows()
    asked = cases(make([*visits, *alone]), "all-visits")
    methods = [
        RankerMethod(CountingRanker("habits")),
        llm("llm:full", RuleModel(lambda query: query.profile.user_id == "u9"), asked.checkins),
    ]
    run_all(asked, methods, tmp_path, name="town")
    write_report(tmp_path)
    metrics, found = json.loads((tmp_path / "metrics.json").read_text()), run_figures(tmp_path, "c")
    assert "u9" in json.dumps(metrics["failures"])
    assert found["failures"] == [{"method": "llm:full", "n": sum(e.user_id == "u9" for e in asked.examples)}]
    assert {row["users"] for row in metrics["slices"]} - {row["users"] for row in found["slices"]} == {1}
    no_person_and_no_path(to_json(found), ["u9"], tmp_path)
    assert "u9" not in to_json(found)


def test_the_command_is_told_without_paths_and_addresses(genrec_eval, tmp_path):
    path, folder = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "my model"
    folder.mkdir()
    profiles = tmp_path / "profiles.jsonl"
    write_profiles(profiles, [written(read_checkins(path), as_of=at(3))])
    command = ["run", path, "--method", "habits", "--split", "rolling", "--limit", 5, "--profiles", profiles]
    command += ["--model", folder, "--server", "http://10.0.0.7:8000", "--month-first", "--out", tmp_path / "run"]
    code, _, noise = genrec_eval(*command, "--aggregates", tmp_path / "figures.json")
    assert code == 0, noise
    assert json.loads((tmp_path / "figures.json").read_text())["command"] == (
        "genrec-eval run town.csv --method habits --out DIR --profiles profiles.jsonl --split rolling --limit 5 "
        "--model 'my model' --server URL --month-first"
    )


# --- ablation ---


def test_the_ablation_has_parts_controls_and_yardsticks():
    assert ablation_methods(adapted=False) == list(ABLATION)
    specs = [LlmSpec.parse(name) for name in ABLATION]
    models = [spec for spec in specs if spec]
    assert [spec.level for spec in models if spec.habit_table and spec.show == "own"] == [
        "none", "routines", "attributes", "full",
    ]  # fmt: skip
    assert {spec.show for spec in models} == {"own", "swapped", "emptied"}
    assert [spec.level for spec in models if not spec.habit_table] == ["full"]
    assert ABLATION[-3:] == ("habits", "most-frequent", "popularity")
    adapted = [LlmSpec.parse(name) for name in ablation_methods(adapted=True)]
    assert [spec.adapted for spec in adapted if spec] == [True] * len(models)


@pytest.mark.slow
def test_ablation_from_the_command_line(genrec_eval, tmp_path, tiny_folder):
    path, run, figures = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "run", tmp_path / "figures.json"
    command = ["ablation", path, "--split", "rolling", "--limit", 4, "--model", tiny_folder, "--out", run]
    command += ["--aggregates", figures]
    code, said, _ = genrec_eval(*command)
    assert code == 0
    assert "Acc@1" in said and "MRR@20" in said
    assert set(ABLATION) <= set(said.split()), "names of methods stay whole"
    assert "profile" in said.splitlines()[-2]  # the verdict
    assert leaks(run) == []
    found = json.loads(figures.read_text())
    assert found["command"] == (
        f"genrec-eval ablation town.csv --out DIR --split rolling --limit 4 --model {tiny_folder.name}"
    )
    assert list(dict.fromkeys(row["method"] for row in found["overall"])) == list(ABLATION)
    assert {row["n"] for row in found["overall"]} == {4}
    assert {(row["a"], row["b"]) for row in found["differences"]} >= {
        ("llm:full", "llm:full-swapped"), ("llm:full", "llm:full-emptied"), ("llm:full", "llm:none"),
        ("llm:full-notable", "llm:full"), ("llm:full", "habits"),
    }  # fmt: skip
    assert found["settings"]["methods"]["llm:full"]["model"] == tiny_folder.name
    no_person_and_no_path(figures.read_text(), [f"u{i}" for i in range(6)], tmp_path, tiny_folder.parent)
    before, kept = contents(run), figures.read_bytes()
    kill(run)
    assert genrec_eval(*command)[0] == 0
    assert contents(run) == before
    assert figures.read_bytes() == kept
    assert all((run / name).exists() for name in WRITTEN)


@pytest.mark.slow
def test_the_ablation_takes_a_part_and_a_preset(genrec_eval, tmp_path, tiny_folder):
    path, run = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "run"
    command = ["ablation", path, "--preset", "genup-nyc", "--part", "validation", "--limit", 2, "--model", tiny_folder]
    code, said, noise = genrec_eval(*command, "--out", run)
    assert code == 0, noise
    assert said.startswith("the preset keeps ")
    config = json.loads((run / "config.json").read_text())
    asked_for = {"split": "llm4poi", "part": "validation", "preset": "genup-nyc", "examples": 2}
    assert asked_for.items() <= config.items()
    assert {config["methods"][name]["prompt"] for name in ABLATION if name.startswith("llm:")} == {"genup"}
    failed(genrec_eval(*command, "--split", "rolling", "--out", tmp_path / "no"), "means the split llm4poi")
