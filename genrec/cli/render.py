"""How profiles and rankings look on a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genrec.profiles.profile import Profile
from genrec.profiles.run import Summary
from genrec.recommender import Place, Ranking


def print_profile(console: Console, profile: Profile, *, backing: bool = True) -> None:
    """What is known, with what backs it, and what is guessed, apart."""
    habits = profile.habits
    edited = ", edited" if profile.provenance.edited else ""
    console.print(Text.assemble((f"User {profile.user_id}", "bold"), f" as of {profile.as_of:%Y-%m-%d %H:%M}"))
    console.print(
        f"  {habits.checkins} check-ins at {len(habits.places)} places in {habits.active_days} days; "
        f"written by {profile.provenance.writer}{edited}"
    )
    for title, section in (
        ("Summary", profile.summary),
        ("Preferences", profile.preferences),
        ("Routines", profile.routines),
    ):
        if section:
            console.print(Text.assemble("  ", (title, "bold")))
        for statement in section:
            console.print(f"  - {statement.text}")
            if backing:
                console.print(f"      {'; '.join(statement.backed_by)}", style="dim")
    guesses = [
        f"{_words(name)} {guess.value} ({guess.confidence:.0%})"
        for name, guess in (profile.traits | profile.attributes).items()
        if guess.value != "unknown"
    ]
    console.print(Text.assemble("  ", ("Guesses", "bold"), " ", ("(by the model, not backed by evidence)", "dim")))
    console.print(f"  {', '.join(guesses)}" if guesses else Text("  none that it is sure enough of", "dim"))


def _words(name: str) -> str:
    return name.replace("_", " ")


def print_ranking(console: Console, ranking: Ranking, truth: int | None = None) -> None:
    """The model's ranking with reasons, then the habits' ranking; `truth` marks the place really visited."""
    when = f"{ranking.at:%A %Y-%m-%d %H:%M}" if ranking.at else "time unknown"
    table = Table(title=f"Next place of {ranking.user_id}, {when}", title_justify="left")
    for heading in ("#", "POI", "km", "P(LLM)"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("place", ratio=2)
    table.add_column("why", ratio=3)
    for i, place in enumerate(ranking.places, start=1):
        distance = "" if place.distance_km is None else f"{place.distance_km:.1f}"
        label = f"{place.name or place.poi_id} ({place.category})"
        table.add_row(
            str(i),
            _poi(place, truth),
            distance,
            f"{place.probability:.4f}",
            label,
            "; ".join(place.reasons),
        )
    console.print(table)
    theirs = [Text.assemble(_poi(p, truth), f" {p.category} {p.probability:.3f}") for p in ranking.by_habits]
    console.print(Text("  By habits alone: ") + Text(", ").join(theirs))
    if truth is not None:
        by_model, by_habits = _rank(ranking.places, truth), _rank(ranking.by_habits, truth)
        console.print(f"  Truth: POI {truth}, {by_model} by the LLM, {by_habits} by habits alone")
    console.print(
        f"  {ranking.model}, level {ranking.level}, {ranking.prompt_tokens} prompt tokens, "
        f"{ranking.seconds:.1f} s; probabilities are exact, over all places",
        style="dim",
    )


def _poi(place: Place, truth: int | None) -> Text:
    return Text(f"{place.poi} ✓", "green") if place.poi == truth else Text(str(place.poi))


def _rank(places: list[Place], truth: int) -> str:
    ranks = [i for i, place in enumerate(places, start=1) if place.poi == truth]
    return f"rank {ranks[0]}" if ranks else f"not in the top {len(places)}"


def summary_table(summary: Summary, seconds: float, written: int) -> Table:
    """The account of a run over profiles."""
    table = Table(title="Profiles", show_header=False, title_justify="left")
    rows = {
        "users": f"{summary.users} ({written} written now)",
        "tokens in / out": f"{summary.tokens_in:,} / {summary.tokens_out:,}",
        "sentences": str(summary.asked),
        "asked again": str(summary.asked_again),
        "dropped": f"{summary.dropped} ({summary.by_template} replaced by templates, in sections left empty)",
        "faithful as first written": f"{summary.faithful:.1%}",
        "known closed fields": f"{summary.known_fields:.1%}",
        "trait tuples": f"{summary.trait_tuples}, the largest with {summary.largest_tuple:.0%} of the users",
        "trait entropy": f"{summary.trait_entropy:.2f} bits",
    }
    if written:
        rows["seconds"] = f"{seconds:.1f} ({seconds / written:.2f} a user)"
    for label, value in rows.items():
        table.add_row(label, value)
    return table
