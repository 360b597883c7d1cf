"""The report of a run: its first lines, its figures, and files that are safe to open and the same each time."""

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from made import at, make
from made_city import failed

from eval.cli import main
from eval.methods.method import Ranked
from eval.methods.rankers import RankerMethod
from eval.protocol import cases, evidence_at
from eval.report import charts
from eval.report.charts import Estimate
from eval.report.write import write_report
from eval.run import run
from genrec.city import CityConfig, build_city
from genrec.errors import InputError
from genrec.rankers.simple import CountingRanker
from genrec.reading.reader import read_checkins

EVIL = "<script>alert('x')</script> | `b` *c* [d](http://e) {{ 7*7 }}"
WRITTEN = ("metrics.json", "report.md", "report.html")
MODEL = {"model": "tiny", "server": None, "adapter": None, "ranking_prompt": "0123456789ab"}


class Shuffled:
    """Stands for a model: the habits' ranking, whose first place it moves back in a share of the cases."""

    def __init__(self, name, share, failing=()):
        self.name, self._share, self._failing = name, share, failing
        self._habits = RankerMethod(CountingRanker("habits"))

    def settings(self, _):
        return MODEL | {"profiles": {"given": 1, "templates": 2}}

    def rank(self, asked, examples, k):
        for answer in self._habits.rank(asked, examples, k):
            pois = list(answer.pois)
            if np.random.default_rng(answer.example).random() < self._share:
                pois[:3] = pois[1], pois[2], pois[0]
            target = asked.examples[answer.example].target
            if answer.example in self._failing:
                yield Ranked(answer.example, answer.evidence, failure=EVIL)
            else:
                yield Ranked(answer.example, answer.evidence, pois, answer.probabilities, target in pois[:8])


@pytest.fixture(scope="module", autouse=True)
def _few_draws():
    """Fewer than the report's own: these tests are not about the width of intervals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eval.report.findings.DRAWS", 200)
        patch.setattr("eval.report.findings.COMPARISON_DRAWS", 2000)
        yield


@pytest.fixture(scope="module")
def city_cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("city")
    build_city(CityConfig(users=20, pois=120, days=40)).write(folder)
    return cases(read_checkins(folder / "checkins.csv"), "rolling", limit=150)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, city_cases):
    """A run of habits, two baselines, and models that do worse the less they know; with its report."""
    out = tmp_path_factory.mktemp("run")
    shares = {"llm:full": 0, "llm:full-swapped": 0.9, "llm:full-emptied": 0.8, "llm:none": 0.5}
    models = [Shuffled(name, share, failing=(3, 5) if name == "llm:full" else ()) for name, share in shares.items()]
    baselines = [RankerMethod(CountingRanker(name)) for name in ("habits", "most-frequent", "popularity")]
    city_cases.warnings.append(EVIL)
    run(city_cases, [*models, *baselines], out, name=EVIL)
    write_report(out)
    return out


@pytest.fixture(scope="module")
def page(folder):
    return Page.of((folder / "report.html").read_text())


@pytest.fixture(scope="module")
def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


class Page(HTMLParser):
    """What a browser would see: tags are closed in order, texts are texts."""

    VOID = ("meta", "link", "br", "hr", "img")

    def __init__(self):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []

    @classmethod
    def of(cls, html):
        page = cls()
        page.feed(html)
        page.close()
        assert page.open == []
        return page

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and "style" not in self.open:
            self.texts.append((self.open[-1], data.strip()))

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.elements if name in attributes]


def test_first_lines(folder, page):
    text = (folder / "report.md").read_text().split("\n")
    assert text[2].startswith(
        "**The profile matters to llm:full.** With another user's profile, Acc@1 falls: \N{MINUS SIGN}0."
    )
    headings = [text for tag, text in page.texts if tag in {"h1", "p"}]
    assert headings[1] == "The profile matters to llm:full."


def test_metrics_are_what_the_frames_say(folder, metrics):
    rankings, examples = (pl.read_parquet(folder / f"{name}.parquet") for name in ("rankings", "examples"))
    joined = rankings.join(examples.select("example", "target", "repeat"), on="example")
    hits = joined.with_columns(hit=(pl.col("pois").list.first() == pl.col("target")).fill_null(value=False))
    for (method,), rows in hits.group_by("method"):
        [found] = [row for row in metrics["overall"] if (row["method"], row["metric"]) == (method, "acc@1")]
        assert found["value"] == pytest.approx(rows["hit"].mean(), rel=1e-3)
        assert found["n"] == 150
        assert found["low"] <= found["value"] <= found["high"]
        [repeats] = [row for row in metrics["slices"] if (row["slicing"], row["group"], row["method"], row["metric"])
                     == ("visit", "repeat", method, "acc@1")]  # fmt: skip
        assert repeats["n"] == rows["repeat"].sum()
        assert repeats["value"] == pytest.approx(rows.filter("repeat")["hit"].mean(), rel=1e-3)
    named = [row for row in metrics["slices"] if row["slicing"] == "prompt" and row["metric"] == "acc@1"]
    assert {row["method"] for row in named} == {"llm:full", "llm:full-swapped", "llm:full-emptied", "llm:none"}
    assert sum(row["n"] for row in named if row["method"] == "llm:full") == 148
    assert metrics["failures"] == [{"method": "llm:full", "failure": EVIL, "n": 2}]
    controls = [(row["a"], row["b"]) for row in metrics["controls"]]
    assert controls == [("llm:full", "llm:full-swapped"), ("llm:full", "llm:full-emptied")]
    assert [(row["a"], row["b"]) for row in metrics["comparisons"]] == [
        ("llm:full", "habits"), ("llm:none", "habits"), ("most-frequent", "habits"), ("popularity", "habits"),
        ("llm:full", "llm:none"),
    ]  # fmt: skip


def test_agreement_adds_up(metrics):
    rows = {(row["model"], row["first_place"], row["method"]): row for row in metrics["disagreement"]}
    assert rows["llm:full", "same", "llm:full"]["n"] == 148  # all but the two failures
    assert rows["llm:full", "other", "llm:full"]["value"] == 0
    same, other = rows["llm:none", "same", "habits"], rows["llm:none", "other", "habits"]
    assert same["n"] + other["n"] == 150
    [habits] = [row for row in metrics["overall"] if (row["method"], row["metric"]) == ("habits", "acc@1")]
    assert (same["n"] * same["value"] + other["n"] * other["value"]) / 150 == pytest.approx(habits["value"], rel=1e-3)


def test_metrics_are_tidy(folder, metrics):
    text = (folder / "metrics.json").read_text()
    assert text == json.dumps(metrics, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert "NaN" not in text
    assert not re.search(r"\d\.\d{0,3}[1-9]\d{4,}", text), "four significant digits"
    assert metrics.keys() == {"verdicts", "overall", "failures", "controls", "comparisons", "slices",
                              "slice_comparisons", "disagreement", "curve", "ece", "distances", "power"}  # fmt: skip
    assert "seconds" not in text


def test_the_page_needs_no_network_and_no_script(folder, page):
    html = (folder / "report.html").read_text()
    assert html.startswith("<!DOCTYPE html>")
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "img", "iframe", "object", "image"})
    assert all(link.startswith("#") for name in ("href", "xlink:href") for link in page.attributes(name))
    assert page.attributes("src") == []
    assert {found for found in re.findall(r"url\((.)", html)} <= {"#"}
    assert "@import" not in html


def test_every_reference_of_the_page_has_one_target(folder, page):
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    html = (folder / "report.html").read_text()
    links = [link[1:] for name in ("href", "xlink:href") for link in page.attributes(name)]
    links += page.attributes("aria-labelledby") + re.findall(r"url\(#([^)]*)\)", html)
    assert set(links) <= set(ids)
    used = set(re.findall(r"var\(--([\w-]+)\)", html))
    assert used <= set(re.findall(r"--([\w-]+):", html))


def test_what_is_not_ours_is_escaped(folder, page):
    html, text = ((folder / f"report.{kind}").read_text() for kind in ("html", "md"))
    assert "<script" not in html
    assert "{{ 7*7 }}" in html
    assert any(tag == "dd" and found.startswith(EVIL) for tag, found in page.texts)
    assert any(tag == "th" and found == f"llm:full: {EVIL}" for tag, found in page.texts)
    assert "<script" not in text.replace("\\<", "")
    tables = [line for line in text.split("\n") if line.startswith("|")]
    [failure] = [line for line in tables if line.startswith("| llm:full: ")]
    assert len(re.findall(r"(?<!\\)\|", failure)) == 3


def test_charts_and_tables_can_be_read_aloud(page):
    charts_ = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(charts_) >= 10
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in charts_)
    tables = [tag for tag, _ in page.elements if tag == "table"]
    assert len([tag for tag, _ in page.elements if tag == "caption"]) == len(tables)
    assert all(attributes["scope"] in {"row", "col"} for tag, attributes in page.elements if tag == "th")


def test_both_reports_have_the_same_tables(folder, page):
    text = (folder / "report.md").read_text()
    plain = re.sub(r"\\(.)", r"\1", text)
    for tag, found in page.texts:
        if tag in {"caption", "th", "td", "small", "strong", "h2"}:
            assert found.removesuffix(":") in plain, found


@pytest.mark.slow
def test_the_command_gives_the_same_bytes_again(folder, tmp_path, monkeypatch, capsys):
    again = shutil.copytree(folder, tmp_path / "again")
    for name in WRITTEN:
        (again / name).unlink()
    monkeypatch.setattr("sys.argv", ["genrec-eval", "report", str(again)])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 0
    assert capsys.readouterr().out.startswith("The profile matters to llm:full.\n")
    for name in WRITTEN:
        assert (again / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.slow
def test_times_change_nothing_but_the_speed(folder, tmp_path):
    again = shutil.copytree(folder, tmp_path / "again")
    times = json.loads((again / "times.json").read_text())
    (again / "times.json").write_text(json.dumps({method: {"rankings": 150, "seconds": 3.0} for method in times}))
    write_report(again)
    assert (again / "metrics.json").read_bytes() == (folder / "metrics.json").read_bytes()
    old, new = ((out / "report.md").read_text().partition("## Speed") for out in (folder, again))
    assert old[0] == new[0]
    assert "| habits | 150 | 3.0 | 50 |" in new[2]


def test_a_run_without_models(tmp_path, city_cases):
    run(city_cases, [RankerMethod(CountingRanker("popularity"))], tmp_path / "one", name="city")
    write_report(tmp_path / "one")
    text = (tmp_path / "one" / "report.md").read_text()
    assert text.split("\n")[2] == "**No method of this run reads a profile.**"
    assert "Highest Acc@1: popularity, " in text
    assert "one method on 150 examples" in text
    Page.of((tmp_path / "one" / "report.html").read_text())
    assert "Paired comparisons" not in text
    assert "Model |" not in text


def test_folders_that_are_no_finished_run(folder, tmp_path):
    with pytest.raises(InputError, match=r"config.json: no such file. Name a folder"):
        write_report(tmp_path)
    half = shutil.copytree(folder, tmp_path / "half")
    (half / "rankings.parquet").unlink()
    with pytest.raises(InputError, match=r"rankings.parquet: is missing: the run has not finished"):
        write_report(half)


def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["genrec-eval", "report", str(tmp_path)])
    with pytest.raises(SystemExit) as exit_:
        main()
    failed((exit_.value.code, *capsys.readouterr()), "Name a folder of `genrec-eval run`")


def test_charts_show_text_as_it_is():
    svg = charts.bars("a", {"<b> & $x_1$": Estimate(0.2, 0.1, 0.3)}, {"<b> & $x_1$": 0}, "Acc@1")
    assert "&lt;b&gt; &amp; $x_1$</text>" in svg
    assert svg == charts.bars("a", {"<b> & $x_1$": Estimate(0.2, 0.1, 0.3)}, {"<b> & $x_1$": 0}, "Acc@1")
    assert not re.search("#[0-9a-f]{6}", svg), "all colours are the page's"


def test_charts_of_edge_cases():
    """One row, one group, a gap, a single bin and equal distances draw without complaint."""
    one = Estimate(0.0, 0.0, 0.0)
    for svg in (
        charts.differences("d", [("a", one)], "x"),
        charts.groups("g", ["only"], {"a": [one], "b": [None]}, "x"),
        charts.reliability("r", [0.5], [1.0], [1]),
        charts.cumulative("c", {"a": ([0.0, 0.0], [0.0, 1.0])}, "km"),
    ):
        assert svg.startswith("<svg ")
        assert svg.endswith("</svg>")


@pytest.mark.slow
def test_methods_that_are_equally_good_are_all_named(tmp_path):
    """Nor is any the best that is never right."""
    asked = cases(make([("a", poi, at(day)) for day in range(20) for poi in (0, 1)], ["Pub"] * 3), "rolling")

    class Constant(RankerMethod):
        def __init__(self, name, poi):
            super().__init__(CountingRanker("habits"))
            self.name, self._poi = name, poi

        def rank(self, cases, examples, k):
            for number in examples:
                yield Ranked(number, evidence_at(cases, cases.examples[number].as_of).fingerprint, [self._poi], [1.0])

    for names, poi, said in (
        (["one", "two"], 1, "Highest Acc@1: one and two, 0.500."),
        (["one", "two", "three", "four"], 1, "Highest Acc@1: 4 methods alike, 0.500."),
        (["one", "two"], 2, "No first place was right."),
    ):
        out = tmp_path / f"{len(names)}-{poi}"
        run(asked, [Constant(name, poi) for name in names], out, name="town")
        write_report(out)
        assert said in (out / "report.md").read_text().replace("\\", "")
