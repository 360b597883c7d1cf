"""An honest run passes the audit; each kind of leak, planted into its folder, is caught by the check meant for it."""

import json
import shutil
from datetime import timedelta

import polars as pl
import pytest
from made import at
from made_city import failed, town, written
from made_runs import town_run

from eval.audit import audit
from eval.cli import main
from eval.protocol import cases
from genrec import prepared
from genrec.checkins import Checkins
from genrec.errors import InputError
from genrec.fingerprint import fingerprint
from genrec.profiles.profile import write_profiles
from genrec.reading.reader import read_checkins

CHECKS = {
    "data": "the check-ins are those of the run",
    "complete": "every method ranked every example once",
    "trajectories": "trajectories hold only visits before the target",
    "evidence": "evidence ends before its moment, and that before the visit",
    "shown": "profiles shown are of the example's moment or before",
    "given": "profiles given rest on check-ins before their moment",
    "fit": "weights were fitted before the first moment",
    "training": "training ended before the first moment",
}
EARLY = at(3)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """A run of habits, popularity and a model with given profiles, on several moments."""
    out = tmp_path_factory.mktemp("runs") / "honest"
    town_run(out, [written(town(6), user, as_of=EARLY) for user in ("u0", "u1", "u2")], refresh_days=2)
    return out


@pytest.fixture
def run(honest, tmp_path):
    return shutil.copytree(honest, tmp_path / "run")


def leaks(run):
    """The leaks of each check that found some, by its short name."""
    names = {check: name for name, check in CHECKS.items()}
    return {names[check.name]: check.leaks for check in audit(run) if check.leaks}


def only(found, check):
    """Require that one check alone has found leaks; returns the first."""
    assert list(found) == [check], found
    return found[check][0]


def change(path, *columns, **others):
    """Change columns of a table in the run folder."""
    pl.read_parquet(path).with_columns(*columns, **others).write_parquet(path)


def configure(run, edit):
    config = json.loads((run / "config.json").read_text())
    edit(config)
    (run / "config.json").write_text(json.dumps(config))


def test_an_honest_run_passes(honest):
    checks = audit(honest)
    assert [check.name for check in checks] == list(CHECKS.values())
    assert all(not check.leaks for check in checks), checks
    assert all(check.checked for check in checks)


@pytest.mark.parametrize("split", ["llm4poi", "all-visits", "rolling"])
def test_every_split_passes(tmp_path, split):
    town_run(tmp_path, split=split)
    assert leaks(tmp_path) == {}


# --- trajectories ---


def replace_prefix(run, edit):
    """Change the trajectory of the first example that has one; returns its number."""
    path = run / "examples.parquet"
    frame = pl.read_parquet(path)
    rows = frame.to_dicts()
    chosen = next(row for row in rows if len(row["prefix"]) > 1)
    chosen["prefix"] = edit(chosen)
    pl.DataFrame(rows, schema=frame.schema).write_parquet(path)
    return chosen["example"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda row: [*row["prefix"], {"time": row["time"], "poi": row["target"]}],
        lambda row: [*row["prefix"][1:], {"time": row["time"] + timedelta(hours=1), "poi": 0}],
    ],
)
def test_a_trajectory_with_the_target_or_later_visits(run, edit):
    number = replace_prefix(run, edit)
    leak = only(leaks(run), "trajectories")
    assert leak == f"example {number}: the trajectory so far holds the target or later visits"


def test_a_trajectory_of_other_visits(run):
    replace_prefix(run, lambda row: row["prefix"][:-1])
    assert "other visits than those just before" in only(leaks(run), "trajectories")


def test_a_trajectory_over_a_gap(run):
    frame = pl.read_parquet(run / "examples.parquet")
    checkins = read_checkins(run / "checkins").frame
    rows = frame.to_dicts()
    row = next(row for row in rows if not row["prefix"] and row["history"])
    own = checkins.filter(pl.col("user_id") == row["user_id"], pl.col("time") < row["time"])
    row["prefix"] = own.select("time", "poi").tail(1).to_dicts()
    pl.DataFrame(rows, schema=frame.schema).write_parquet(run / "examples.parquet")
    assert "has a gap of 24 hours" in only(leaks(run), "trajectories")


def test_a_visit_that_never_was(run):
    change(run / "examples.parquet", target=pl.lit(7, pl.UInt32))
    assert "no such check-in" in only(leaks(run), "trajectories")


# --- evidence ---


def test_evidence_frozen_after_the_visit(run):
    change(run / "examples.parquet", pl.col("as_of") + timedelta(days=1))
    assert "evidence as of" in leaks(run)["evidence"][0]
    assert "after the visit at" in leaks(run)["evidence"][0]


def test_evidence_with_a_later_check_in(run):
    """One method was given the check-ins of two days more than it should have had."""
    checkins = read_checkins(run / "checkins")
    moment = pl.read_parquet(run / "examples.parquet")["as_of"].min()
    more = checkins.frame.filter(pl.col("time") < moment + timedelta(days=2))
    future = fingerprint(Checkins(more, checkins.pois, "", []))
    habits, first = pl.col("method") == "habits", pl.col("example") == 0
    change(run / "rankings.parquet", evidence=pl.when(habits & first).then(pl.lit(future)).otherwise("evidence"))
    assert (
        only(leaks(run), "evidence") == f"habits: its evidence as of {moment} is not the check-ins before that moment"
    )


def test_tables_of_the_city_that_know_the_future(run, monkeypatch):
    from genrec.habits import city_habits

    monkeypatch.setattr("eval.audit.city_habits", lambda checkins, as_of: city_habits(checkins))
    assert "change with later check-ins" in only(leaks(run), "evidence")


# --- profiles ---


def test_a_profile_of_a_later_moment(run):
    """As if a run had shown the profile that was written for the next refresh."""
    model = pl.col("method") == "llm:full"
    later = pl.when(model).then(pl.col("profile_as_of") + timedelta(days=30)).otherwise("profile_as_of")
    change(run / "rankings.parquet", profile_as_of=later)
    assert "llm:full: shows a profile of " in only(leaks(run), "shown")


def test_a_profile_that_nobody_gave(run):
    (run / "profiles.jsonl").unlink()
    assert "that nobody gave" in only(leaks(run), "shown")


def give(run, profile):
    others = [written(town(6), user, as_of=EARLY) for user in ("u1", "u2")]
    write_profiles(run / "profiles.jsonl", [profile, *others])


def test_a_profile_whose_habits_hold_a_later_visit(run):
    """Of the hours just after its moment, which the clock of another zone might allow."""
    knowing = written(town(6), "u0", as_of=EARLY + timedelta(days=1))
    habits = knowing.habits.model_copy(update={"as_of": EARLY})
    give(run, knowing.model_copy(update={"as_of": EARLY, "habits": habits}))
    assert only(leaks(run), "given").endswith("its habits are not those of the check-ins before")


def test_a_profile_of_later_days_is_none_of_its_moment(run):
    knowing = written(town(6), "u0", as_of=at(8))
    give(run, knowing.model_copy(update={"as_of": EARLY, "habits": knowing.habits.model_copy(update={"as_of": EARLY})}))
    with pytest.raises(InputError, match=r"profiles.jsonl, row 1: not a profile: habits: last .* is after as_of"):
        audit(run)


@pytest.mark.parametrize("part", ["places", "transitions", "recent"])
def test_every_table_of_a_profile_is_compared(run, part):
    honest = written(town(6), "u0", as_of=EARLY)
    if part == "places":
        last = honest.habits.places[0].last_visit + timedelta(hours=1)
        changed = [honest.habits.places[0].model_copy(update={"last_visit": last}), *honest.habits.places[1:]]
    else:
        changed = getattr(honest.habits, part)[1:]
    give(run, honest.model_copy(update={"habits": honest.habits.model_copy(update={part: changed})}))
    assert only(leaks(run), "given").endswith("its habits are not those of the check-ins before")


def test_a_sentence_that_only_later_visits_bear_out(run):
    """u0 first goes to the pub on the fifth day."""
    profile = written(town(6), "u0", as_of=EARLY)
    profile.summary[0].text = "Often goes to POI 4 (Pub)."
    give(run, profile)
    assert only(leaks(run), "given").endswith("only later check-ins support 'Often goes to POI 4 (Pub).'")
    profile.summary[0].text = "Often goes to POI 7 (Museum)."
    give(run, profile)
    assert leaks(run) == {}, "a plain mistake is no leak"


# --- fits and training ---


@pytest.mark.parametrize("whose", ["data", "kept"])
def test_weights_fitted_on_the_test_part_of_the_same_data(run, whose):
    first = pl.read_parquet(run / "examples.parquet")["as_of"].min()

    def fit(last, sha256=None):
        def edit(config):
            entry = {"name": "town", "sha256": sha256 or config[whose]["sha256"], "examples": 9}
            config["methods"]["habits"]["data"] = [entry | {"first": EARLY.isoformat(), "last": last.isoformat()}]

        return edit

    configure(run, fit(first))
    assert only(leaks(run), "fit").startswith("habits: fitted on these check-ins up to")
    configure(run, fit(first - timedelta(minutes=1)))
    assert leaks(run) == {}
    configure(run, fit(at(99), "f" * 64))
    assert leaks(run) == {}, "other data may be of any time"


def trained_on(run, count):
    """What a method would say that was trained on the first `count` check-ins."""
    checkins = read_checkins(run / "checkins")
    rows = Checkins(checkins.frame[:count], checkins.pois, "", [])
    return {"check_ins": count, "last": rows.frame[-1, "time"].isoformat(), "sha256": fingerprint(rows)}


def test_training_rows_that_overlap_the_test_part(run):
    asked = cases(town(6), "rolling", refresh_days=2)
    before = len(asked.checkins.frame.filter(pl.col("time") < asked.examples[0].as_of))
    for count, caught in ((before, False), (before + 1, True), (before + 30, True)):
        configure(run, lambda config, n=count: config["methods"]["habits"].update(trained_on=trained_on(run, n)))
        found = leaks(run)
        assert bool(found) == caught
        if caught:
            assert only(found, "training").startswith("habits: trained on check-ins up to")


def test_training_rows_that_are_not_what_the_run_says(run):
    said = trained_on(run, 20) | {"sha256": trained_on(run, 21)["sha256"]}
    configure(run, lambda config: config["methods"]["habits"].update(trained_on=said))
    assert "was not trained on the first 20 check-ins" in only(leaks(run), "training")


def test_a_train_part_that_reaches_into_the_test_part(run):
    configure(run, lambda config: config.update(train_rows=config["train_rows"] + 30))
    assert only(leaks(run), "training").startswith("the train part ends on")


# --- what was dropped or exchanged ---


def test_a_dropped_example_is_noticed(run):
    rankings = pl.read_parquet(run / "rankings.parquet")
    hard = (pl.col("method") == "popularity") & (pl.col("example") == 3)
    rankings.filter(~hard).write_parquet(run / "rankings.parquet")
    total = len(pl.read_parquet(run / "examples.parquet"))
    assert only(leaks(run), "complete") == f"popularity: {total - 1} rankings for {total} examples"
    rankings.filter(pl.col("method") != "popularity").write_parquet(run / "rankings.parquet")
    assert only(leaks(run), "complete") == f"popularity: 0 rankings for {total} examples"
    change(run / "examples.parquet", example=pl.col("example") + 1)
    assert "examples.parquet does not hold" in leaks(run)["complete"][0]


def test_exchanged_check_ins_are_noticed(run):
    checkins = read_checkins(run / "checkins")
    shutil.rmtree(run / "checkins")
    prepared.prepare(Checkins(checkins.frame[:-1], checkins.pois, "town", []), run / "checkins")
    assert "nothing is proven" in leaks(run)["data"][0]


def test_an_unfinished_run_cannot_be_audited(run, tmp_path):
    (run / "rankings.parquet").unlink()
    with pytest.raises(InputError, match="Finish the run"):
        audit(run)
    with pytest.raises(InputError, match="Name a folder of `genrec-eval run`"):
        audit(tmp_path)
    (run / "profiles.jsonl").write_text("{}\n")
    town_run(tmp_path / "again")
    shutil.copy(tmp_path / "again" / "rankings.parquet", run)
    with pytest.raises(InputError, match="not a profile"):
        audit(run)


# --- the command ---


def command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["genrec-eval", "audit", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0), *capsys.readouterr()


def test_the_command_says_which_checks_held(run, monkeypatch, capsys):
    code, said, _ = command(monkeypatch, capsys, run)
    assert code == 0
    *checks, caveat, _ = said.splitlines()
    assert [line[:5] for line in checks] == ["ok   "] * len(CHECKS)
    assert caveat.startswith("Not provable from a run: ")
    change(run / "examples.parquet", target=pl.lit(7, pl.UInt32))
    code, said, _ = command(monkeypatch, capsys, run)
    assert code == 1
    assert said.count("LEAK ") == 1
    assert "example 0: no such check-in" in said
    assert " more\n" in said


def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys):
    failed(command(monkeypatch, capsys, tmp_path), "Name a folder of `genrec-eval run`")
