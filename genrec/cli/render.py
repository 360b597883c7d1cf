"""How profiles and rankings look on a terminal."""

from collections.abc import Sequence
from textwrap import fill

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genrec.llm.backend import Over
from genrec.phrases import WEEKDAYS, so_many
from genrec.profiles.named_places import names_in
from genrec.profiles.profile import Profile
from genrec.profiles.run import Summary
from genrec.profiles.statements import Said
from genrec.prompting import one_line
from genrec.ranking import By, Consulted, Fused, Place, Prompted, Ranking
from genrec.words import is_known

NAMES: dict[By, str] = {"fusion": "fusion", "habits": "habits", "llm": "LLM"}  # in headings
LEAST = 0.005  # share of a field that is shown


def print_profile(console: Console, profile: Profile, *, backing: bool = True) -> None:
    """What is known, with what backs it, and what is guessed, apart."""
    habits = profile.habits
    edited = ", edited" if profile.provenance.edited else ""
    console.print(Text.assemble((f"User {profile.user_id}", "bold"), f" as of {profile.as_of:%Y-%m-%d %H:%M}"))
    console.print(
        f"  {so_many(habits.checkins, 'check-in')} at {so_many(len(habits.places), 'place')} "
        f"in {so_many(habits.active_days, 'day')}; "
        f"written by {profile.provenance.writer}{edited}"
    )
    names = names_in(habits)
    for section in (profile.summary, profile.routines, profile.preferences):
        if section:
            text = " ".join(_sentence_of(names.plain(statement.text)) for statement in section)
            console.print(fill(text, console.width, initial_indent="  ", subsequent_indent="  "))
        for statement in section if backing else ():
            console.print(f"      {names.plain('; '.join(statement.backed_by))}", style="dim")
    if not (profile.summary or profile.routines or profile.preferences):
        console.print("  too few visits to say anything", style="dim")
    fields = profile.traits | profile.attributes
    guesses = [
        f"{_words(name)} {guess.value} ({guess.confidence:.0%})"
        for name, guess in fields.items()
        if guess.value != "unknown"
    ]
    none = "none that it is sure enough of" if any(one.confidence for one in fields.values()) else "none were asked for"
    console.print(Text.assemble("  ", ("Guesses", "bold"), " ", ("(by the model, not backed by evidence)", "dim")))
    console.print(f"  {', '.join(guesses)}" if guesses else Text(f"  {none}", "dim"))


def _sentence_of(text: str) -> str:
    """A sentence that another one may follow."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _words(name: str) -> str:
    return name.replace("_", " ")


def print_ranking(console: Console, ranking: Ranking, truth: int | None = None, beside: Sequence[Ranking] = ()) -> None:
    """A ranking with reasons, then others in short and that of habits alone; `truth` marks the place really visited."""
    when = f"{ranking.at:%A %Y-%m-%d %H:%M}" if ranking.at else "time unknown"
    table = Table(title=f"Next place of {ranking.user_id}, {when}", title_justify="left")
    for heading in ("#", "POI", "km", f"P({NAMES[ranking.by]})"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("place", ratio=2)
    table.add_column("why", ratio=3)
    for i, place in enumerate(ranking.places, start=1):
        distance = "" if place.distance_km is None else f"{place.distance_km:.1f}"
        kind = f" ({place.category})" if is_known(place.category) else ""
        table.add_row(
            _moved(i, place.rank_before),
            _poi(place, truth),
            distance,
            f"{place.probability:.4f}",
            f"{one_line(place.name or place.poi_id)}{kind}",
            "; ".join(place.reasons),
        )
    console.print(table)
    others = {_whose(other.by): other.places for other in beside}
    if ranking.by != "habits":
        others[_whose("habits")] = ranking.by_habits
    for whose, places in others.items():
        console.print(Text(f"  By {whose}: ") + _short(places, truth))
    if truth is not None:
        ranks = {_whose(ranking.by): ranking.places} | others
        console.print(
            f"  Truth: POI {truth}, {', '.join(f'{_rank(p, truth)} by {whose}' for whose, p in ranks.items())}"
        )
    if any(place.rank_before not in (None, rank) for rank, place in enumerate(ranking.places, start=1)):
        console.print("  In brackets behind a rank: the one before the words counted.")
    for clause in ranking.said:
        console.print(Text(f"  {_read(clause)}", "" if clause.sign else "yellow"))
    if isinstance(ranking.how, Fused) and ranking.how.beside:
        console.print(f"  {_consulted(ranking.how.beside)}")
    console.print(f"  {_made(ranking)}", style="dim")


def _moved(rank: int, before: int | None) -> str:
    """A rank, and how far words have moved the place."""
    return f"{rank}" if before is None or before == rank else f"{rank} ({before})"


def _read(clause: Said) -> str:
    """How one clause was read."""
    about = [*(f"POI {poi}" for poi in clause.pois), *(WEEKDAYS[day] for day in clause.days)]
    if clause.hours:
        about.append(f"at {', '.join(map(str, clause.hours))} o'clock")
    if clause.moves or not clause.pois:
        about.append(f"moves {', '.join(clause.moves)}" if clause.moves else "moves nothing")
    named = f": {', '.join(about)}"
    return (
        f'Unclear, so without effect: "{clause.text}" ({clause.note})'
        if not clause.sign
        else (f'Read as {clause.polarity}: "{clause.text}"{named}')
    )


def _whose(by: By) -> str:
    return "habits alone" if by == "habits" else f"the {NAMES[by]}"


def _short(places: list[Place], truth: int | None) -> Text:
    return Text(", ").join(
        Text.assemble(
            _poi(place, truth),
            f" {one_line(place.category if is_known(place.category) else place.name or place.poi_id)} "
            f"{place.probability:.3f}",
        )
        for place in places
    )


def _consulted(model: Consulted) -> str:
    """Whether the model beside the fusion was asked."""
    if model.asked:
        return f"The model was asked, with a profile by {model.profile_by}; {model.share:.2f} of the answer is its."
    if model.ask_from is None:
        return "The model was not asked: on validation visits it gave nothing."
    return "The model was not asked: the fusion was sure enough."


OVER: dict[Over, str] = {"catalogue": "all places", "model": "all that the model might say"}


def _made(ranking: Ranking) -> str:
    """Who ranked, how long it took, what they saw."""
    if isinstance(ranking.how, Prompted):
        return (
            f"{ranking.how.model}, level {ranking.how.level}, {ranking.how.prompt_tokens} prompt tokens, "
            f"{_took(ranking.seconds)}; probabilities are exact, over {OVER[ranking.how.over]}"
        )
    return (
        f"{NAMES[ranking.by]}, {_took(ranking.seconds)}; as of {ranking.as_of:%Y-%m-%d %H:%M}, with "
        f"{ranking.checkins:,} check-ins of {ranking.user_id}; probabilities over all places"
    )


def _took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def print_explanation(console: Console, ranking: Ranking) -> None:
    """What the fusion weighed: the gate, and which part of each place's probability each field brought."""
    if not isinstance(ranking.how, Fused):
        return
    before = ", before the words counted" if ranking.said else ""
    console.print(f"  Weights of the fields in this situation, and what each field brought to a place{before}:")
    console.print(f"    gate: {_shares(ranking.how.gate)}")
    for i, place in enumerate(ranking.places, start=1):
        console.print(f"    {i}. POI {place.poi}: {_shares(place.fields) or 'not looked at'}")
    console.print(f"    all places not looked at, together: {ranking.how.not_looked_at:.4f}")
    if model := ranking.how.beside:
        bound = "never" if model.ask_from is None else f"from {model.ask_from:.2f} on"
        console.print(f"    how unsure the fusion was: {model.entropy:.2f} nats; the model is asked {bound}")


def _shares(shares: dict[str, float]) -> str:
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return ", ".join(f"{field} {share:.2f}" for field, share in ordered if share >= LEAST)


def _poi(place: Place, truth: int | None) -> Text:
    return Text(f"{place.poi} ✓", "green") if place.poi == truth else Text(str(place.poi))


def _rank(places: list[Place], truth: int) -> str:
    ranks = [i for i, place in enumerate(places, start=1) if place.poi == truth]
    return f"rank {ranks[0]}" if ranks else f"not in the top {len(places)}"


def summary_table(summary: Summary, seconds: float, written: int) -> Table:
    """The account of a run over profiles."""
    table = Table(title="Profiles", show_header=False, title_justify="left")
    rows = {"users": f"{summary.users} ({written} written now)"}
    if summary.tokens_in:
        rows["tokens read / written"] = f"{summary.tokens_in:,} / {summary.tokens_out:,}"
    supported = f"; {summary.faithful:.1%} supported by visits as first written" if summary.asked else ""
    rows["sentences asked for"] = f"{summary.asked}{supported}"
    rows["asked for again"] = str(summary.asked_again)
    replaced = f" ({summary.by_template} phrased without the model, in sections left empty)"
    rows["dropped"] = f"{summary.dropped}{replaced if summary.by_template else ''}"
    if summary.known_fields:
        rows["guesses about people"] = f"sure enough in {summary.known_fields:.1%} of the fields"
        if summary.trait_tuples:
            rows["their traits"] = (
                f"{summary.trait_tuples} different sets, the commonest for {summary.largest_tuple:.0%} of the users; "
                f"entropy {summary.trait_entropy:.2f} bits"
            )
    if written:
        rows["seconds"] = f"{seconds:.1f} ({seconds / written:.2f} a user)"
    for label, value in rows.items():
        table.add_row(label, value)
    return table
