"""Old results are not taken for new ones: what was made from something else is not added to."""

import json

from made_city import failed


def another_model(folder, tiny_folder):
    """The same but for one weight, at the same place or another."""
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny_folder / "model.safetensors")
    weights["model.norm.weight"][0] += 1
    target = folder / "other model"
    target.mkdir()
    for path in tiny_folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return target


def test_rankings_of_something_else_are_refused(rank, folder, genrec, tiny_folder, profiles):
    assert rank()[0] == 0
    before = (folder / "r.jsonl").read_bytes()
    assert "6 of them from before" in rank()[1]
    lines = profiles.read_text().splitlines(keepends=True)
    other = lines[0].replace('"gender":{"value":"unknown"', '"gender":{"value":"male"')
    (folder / "changed.jsonl").write_text(other + "".join(lines[1:]))
    rows = (folder / "in.csv").read_text().splitlines(keepends=True)
    (folder / "fewer.csv").write_text("".join(rows[:-1]))
    (folder / "kinds.csv").write_text("".join(rows).replace("Pub", "Bar"))
    for changes, named in (
        ({"-k": 4}, "another k;"),
        ({"--level": "none"}, "another level;"),
        ({"--model": another_model(folder, tiny_folder)}, "another model, model_sha256;"),
        ({"--profiles": folder / "changed.jsonl"}, "another profile;"),
        ({"IN": "fewer.csv"}, "another check-ins;"),
        ({"IN": "kinds.csv"}, "another places;"),
    ):
        failed(rank(**changes), f"r.jsonl holds rankings made with {named} name another --out")
        assert (folder / "r.jsonl").read_bytes() == before
    (folder / "more.jsonl").write_text("".join(lines[:3]))
    failed(rank(**{"--profiles": folder / "more.jsonl"}), "another profile;")


def test_each_line_is_a_ranking_that_says_what_it_was_made_from(rank, folder):
    assert rank()[0] == 0
    for line in (folder / "r.jsonl").read_text().splitlines():
        ranking = json.loads(line)
        assert len(ranking["places"]) == ranking["made_from"]["k"] == 3
        assert set(ranking["made_from"]) >= {"model", "adapter", "level", "check-ins", "places", "profile", "prompt"}


def test_rankings_that_do_not_say_are_refused(rank, folder):
    assert rank()[0] == 0
    lines = [json.loads(line) for line in (folder / "r.jsonl").read_text().splitlines()]
    (folder / "r.jsonl").write_text("".join(json.dumps(line | {"made_from": None}) + "\n" for line in lines))
    failed(rank(), "holds no rankings, or none that say what they were made from; name another --out")


def test_profiles_of_other_people_or_evidence_do_not_mix(profiles, folder, genrec):
    """Also those of users who are not asked for now."""
    arguments = ["--writer", "habits", "--as-of", "2024-01-12", "--out", profiles]
    before = profiles.read_bytes()
    failed(genrec("profile", "other.csv", *arguments), "holds a profile of 'u0' from other check-ins", "another --out")
    failed(genrec("profile", "other.csv", "--users", "u7", *arguments), "holds a profile of 'u0' from other check-ins")
    assert profiles.read_bytes() == before
    assert genrec("profile", "in.csv", "--users", "u1", *arguments)[0] == 0
    assert profiles.read_bytes() == before
