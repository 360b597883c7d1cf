"""The README's table of benchmarks follows from the committed files, and stays short."""

import json
import shutil

import pytest

from eval.bench.summary import RESULTS, table

FILES = ("bench-cpu", "bench-rankers-cpu", "scale-cpu", "bench-data-cpu", "training-cpu")


@pytest.fixture
def results(tmp_path):
    for name in FILES:
        shutil.copy(RESULTS / f"{name}.json", tmp_path)
    return tmp_path


def lines(results):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table(results).splitlines()]


def changed(results, name, change):
    content = json.loads((results / f"{name}.json").read_text())
    change(content)
    (results / f"{name}.json").write_text(json.dumps(content))


def test_it_is_short_and_names_every_peer():
    said = table()
    assert len(said.splitlines()) <= 14
    assert len(said.encode()) <= 1100
    for peer in ("GenUP", "Cornac", "pandas", "LLM4POI", "ranx", "RecTools", "SFTTrainer", "DPOTrainer"):
        assert peer in said


def test_its_figures_are_those_of_the_files(results):
    def faster(content):
        for run in content["runs"]:
            run["samples_per_second"] = 12.0 if run["trainer"] == "genrec" else 4.0

    changed(results, "training-cpu", faster)
    assert ["SFT, LoRA", "12.0/s", "TRL's SFTTrainer 4.00/s", "3.00", "`genrec-train bench`"] in lines(results)

    def slower(content):
        for row in content["rows"]:
            if row["step"] == "prepare":
                row["cpu_s_per_million"] = 200.0
            elif row["step"] == "pandas":
                row["cpu_s_per_million"] = 100.0

    changed(results, "scale-cpu", slower)
    assert ["prepare a million", "200 s", "pandas, vectorised 100 s", ".50", "scale"] in lines(results)


def test_what_was_not_measured_is_left_out(results):
    def none(content):
        content["rows"] = [row for row in content["rows"] if row["way"] == "transformers"]

    before = table(results)
    changed(results, "bench-cpu", none)
    assert "GenUP" in before and "GenUP" not in table(results)
    assert "Cornac" in table(results)
