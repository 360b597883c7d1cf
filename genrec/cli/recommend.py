"""`genrec recommend`: the next place of one user, of many, or in a dialogue."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from genrec.assistant import Assistant
from genrec.cli.batch import Batches, Ranks, rank_all, read_asks, to_json
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.dialogue import Dialogue
from genrec.cli.options import CheckinsPath, Reading
from genrec.cli.placing import Placing
from genrec.cli.ranking_model import RankingModel
from genrec.cli.render import print_explanation, print_ranking
from genrec.cli.times import local_time
from genrec.columns import TIME, USER
from genrec.errors import GenRecError
from genrec.in_parts import InParts
from genrec.jobs.job import home_of
from genrec.parted import Parted
from genrec.profiles.editing import stated
from genrec.profiles.profile import Level, Profile, read_profiles
from genrec.ranking import By, Ranking
from genrec.steering import STRONGEST
from genrec.terminal import note

LONGEST_ABOUT = 2000  # characters
READ_WORDS = ("--profiles", "--model", "--server")
READ_BESIDE = (*READ_WORDS, "--adapter")


@dataclass(frozen=True)
class _ForLlm(RankingModel):
    """What only a language model reads, as options."""

    profiles: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="By llm: profiles, as `genrec profile` wrote them; those missing are written now."
        ),
    ] = None
    about: Annotated[str | None, typer.Option(help="By llm: what somebody without check-ins says of themselves.")] = (
        None
    )
    level: Annotated[
        Level | None,
        typer.Option(help="By llm: how much of the profile the model sees. Default: full."),
    ] = None


@dataclass(frozen=True)
class _ForFusion:
    """What only the fusion reads, as options."""

    rankers: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Trained rankers (`genrec-train rankers`), whose fusion ranks.")
    ] = None
    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="A gate (`genrec-eval beside`): the model is asked, too, where the fusion is not sure."
        ),
    ] = None
    says: Annotated[
        str | None,
        typer.Option(help="What the person says of themselves: it steers the fusion. Alone: somebody new."),
    ] = None
    strength: Annotated[
        float, typer.Option("--steer", min=0, max=STRONGEST, metavar="0..2", help="How much --says counts.")
    ] = 1.0
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what the fusion weighed; --json and --out always hold it.")
    ] = False


@bundled
def recommend(
    path: CheckinsPath,
    *,
    user: Annotated[str | None, typer.Option(help="One user; without, a dialogue.")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=local_time,
            metavar="TIME",
            help="Local time of the visit (2024-03-05 08:00); default: unknown.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Length of the ranking.")] = 10,
    by: Annotated[
        By | None,
        typer.Option(
            help="Who ranks: the fusion, habits alone, or a language model. Default: the fusion; with an option that "
            "only a model reads, the model."
        ),
    ] = None,
    fusion: _ForFusion,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    users_from: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Many users: a line each, `user` or `user,time`. Needs --out.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Rankings as JSON Lines.")] = None,
    llm: _ForLlm,
    placing: Placing,
    reading: Reading,
) -> None:
    """Rank the places where a user may go next, with reasons, beside what their habits alone would say."""
    _check_many(users_from, output, placing)
    _check_who({"--user": user, "--about": llm.about, "--says": fusion.says}, users_from)
    talk = user is None and llm.about is None and fusion.says is None and users_from is None
    # The fusion takes the sentences that were put into a profile as words; a model reads words.
    stating = llm.profiles is not None and user is not None and (by == "fusion" or fusion.beside is not None)
    words = fusion.says is not None or stating
    idle = READ_BESIDE if fusion.beside else READ_WORDS if words else ()
    for_llm = {name: value for name, value in _read_by_models(llm).items() if name not in idle}
    ranks = _who_ranks(by, _given(for_llm), _given(_read_by_fusion(fusion)), talk=talk)
    if talk and as_json:
        raise GenRecError("--json is for one person: say who with --user, or --says")
    _check_strength(fusion.strength, said=talk or words)
    level = llm.level or "full"
    if users_from and output:
        how = Batches(llm.models, llm.profiles, fusion.rankers, fusion.beside, ranks, k, level)
        _rank_many(reading, path, (users_from, at), output, how, placing)
        return
    known = read_profiles(llm.profiles) if llm.profiles else {}
    assistant = Assistant(reading.checkins(path), known, llm.models, err.status, fusion.rankers, beside=fusion.beside)
    if talk:
        Dialogue(assistant, at, ranks, k, level, fusion.strength, explain=fusion.explain).run()
    else:
        said = [*([fusion.says] if fusion.says else []), *_stated(known, user, ranks, fusion.beside)]
        if said:
            ranking = assistant.rank_with_words(user, at, said, k, fusion.strength)
        else:
            ranking = _ranking(assistant, user, llm.about, at, ranks, k, level)
        if ranks != "llm" and ranking.as_of <= (first := assistant.checkins.frame[0, TIME]):
            note(f"note: the check-ins begin on {first}: before that nothing is known of anybody")
        _show(ranking, assistant, as_json=as_json, explain=fusion.explain)


def _rank_many(
    reading: Reading, path: Path, asked: tuple[Path, datetime | None], output: Path, how: Batches, placing: Placing
) -> None:
    """Rank for many; a folder in parts is read by parts, if check-ins alone are asked."""
    known = read_profiles(how.profiles) if how.profiles else {}
    source = reading.by_parts(path) if how.by_parts else reading.checkins(path)
    ranks: Ranks
    if isinstance(source, Parted):
        asks = read_asks(*asked, dict.fromkeys(source.people[USER].to_list()))
        ranks = InParts(source, home_of(output), [user for user, _ in asks], how.rankers)
    else:
        ranks = Assistant(source, known, how.models, err.status, how.rankers, beside=how.beside)
        asks = read_asks(*asked, ranks.users)
    rank_all(ranks, asks, output, how, placing)


def _stated(known: Mapping[str, Profile], user: str | None, by: By, beside: Path | None) -> list[str]:
    """What the user has put into their profile, if the fusion ranks and there is one."""
    if by != "fusion" or user is None or user not in known:
        return []
    sentences = stated(known[user])
    if not sentences and beside is None:
        note(f"note: the profile of {user!r} holds only what visits back, which the fusion knows; it changes nothing")
    return sentences


def _ranking(
    assistant: Assistant, user: str | None, about: str | None, at: datetime | None, by: By, k: int, level: Level
) -> Ranking:
    if by == "llm":
        return assistant.rank_profiles([(assistant.profile(user, about, at), at)], k, level)[0]
    return assistant.rank([(user or "", at)], by, k, level)[0]


def _show(ranking: Ranking, assistant: Assistant, *, as_json: bool, explain: bool) -> None:
    if as_json:
        out.print(json.dumps(to_json(ranking), indent=2, ensure_ascii=False), markup=False, emoji=False)
        return
    print_ranking(out, ranking)
    if explain:
        print_explanation(out, ranking)
    if ranking.by == "llm":
        err.print(f"prefix cache: {assistant.reused():.0%} of the prompt's tokens were known")


def _read_by_models(llm: _ForLlm) -> dict[str, object]:
    """The options that only a model reads, with what they were given."""
    return {
        "--profiles": llm.profiles,
        "--about": llm.about,
        "--level": llm.level,
        "--model": llm.model,
        "--server": llm.servers,
        "--adapter": llm.adapter,
        "--no-adapter": llm.plain,
        "--profile-model": llm.profile_model,
        "--probabilities": llm.probabilities != "catalogue",
    }


def _read_by_fusion(fusion: _ForFusion) -> dict[str, object]:
    """The options that only the fusion reads, with what they were given."""
    return {
        "--says": fusion.says,
        "--steer": fusion.strength != 1,
        "--rankers": fusion.rankers,
        "--beside": fusion.beside,
        "--explain": fusion.explain,
    }


def _given(options: Mapping[str, object]) -> list[str]:
    return [option for option, value in options.items() if value not in (None, False)]


def _who_ranks(by: By | None, for_llm: list[str], for_fusion: list[str], *, talk: bool) -> By:
    """Who ranks, as the options say; in a dialogue all may be given, since who ranks can be changed there.

    Raises GenRecError if an option would be without effect.
    """
    ranks: By = by or ("llm" if for_llm and not for_fusion else "fusion")
    idle = [(option, "a language model", "llm") for option in for_llm if ranks != "llm"]
    idle += [(option, "the fusion", "fusion") for option in for_fusion if ranks != "fusion"]
    if idle and not talk:
        option, whom, remedy = idle[0]
        if by is None:
            raise GenRecError(f"{option} is for {whom}, and {for_fusion[0]} for the fusion: leave out one of them")
        raise GenRecError(f"{option} is for {whom}, and --by {by} was given: say --by {remedy}, or leave it out")
    if by is None and ranks == "llm":
        note(f"note: a language model ranks, since {for_llm[0]} is for one (--by llm); without it the fusion would")
    return ranks


def _check_many(users_from: Path | None, output: Path | None, placing: Placing) -> None:
    """Raise GenRecError if an option for many people is without effect."""
    if (users_from is None) != (output is None):
        raise GenRecError("--users-from and --out belong together: who is asked about, and where the rankings go")
    if users_from is None and placing != Placing():
        raise GenRecError("--workers and --ray share the work for many people: name them with --users-from FILE")


def _check_strength(strength: float, *, said: bool) -> None:
    """Raise GenRecError if nothing is said that could count more or less."""
    if strength != 1 and not said:
        raise GenRecError("--steer says how much words count, and nothing is said: give --says, or leave it out")


def _check_who(texts: Mapping[str, str | None], users_from: Path | None) -> None:
    """Raise GenRecError unless the options say clearly who is asked about."""
    for option, text in texts.items():
        if text is None:
            continue
        if users_from:
            raise GenRecError(f"{option} and --users-from exclude each other")
        if not text.strip():
            raise GenRecError(f"{option} is empty; give it a text, or leave it out")
        if any("\ud800" <= c <= "\udfff" for c in text):  # bytes of the command line that are no text
            raise GenRecError(f"{option} is not UTF-8 text")
    if texts["--user"] and texts["--about"]:
        raise GenRecError("--about is for somebody without check-ins: with --user say it with --says")
    if texts["--about"] and texts["--says"]:
        raise GenRecError("--about is for a language model, and --says for the fusion: leave out one of them")
    about = texts["--about"]
    if about and len(about) > LONGEST_ABOUT:
        raise GenRecError(f"--about has {len(about):,} characters; at most {LONGEST_ABOUT:,}")
