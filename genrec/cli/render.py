"""How profiles and rankings look on a terminal."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from genrec.profile import Guess, Profile
    from genrec.profile_run import Summary
    from genrec.recommender import Place, Ranking


def print_profile(console: Console, profile: "Profile", *, backing: bool = True) -> None:
    """What is known, with what backs it, and what is guessed, apart."""
    habits = profile.habits
    edited = ", edited" if profile.provenance.edited else ""
    console.print(f"[bold]User {escape(profile.user_id)}[/bold] as of {profile.as_of:%Y-%m-%d %H:%M}")
    console.print(
        f"  {habits.checkins} check-ins at {len(habits.places)} places in {habits.active_days} days; "
        f"written by {escape(profile.provenance.writer)}{edited}"
    )
    for title, section in (
        ("Summary", profile.summary),
        ("Preferences", profile.preferences),
        ("Routines", profile.routines),
    ):
        if section:
            console.print(f"  [bold]{title}[/bold]")
        for statement in section:
            console.print(f"  - {escape(statement.text)}")
            if backing:
                console.print(f"      [dim]{escape('; '.join(statement.backed_by))}[/dim]")
    console.print("  [bold]Guesses[/bold] [dim](by the model, not backed by evidence)[/dim]")
    console.print(f"  {_guesses(profile.traits)}")
    console.print(f"  {_guesses(profile.attributes)}")


def _guesses(guesses: "dict[str, Guess]") -> str:
    return ", ".join(
        f"{_words(name)} [dim]unknown[/dim]"
        if guess.value == "unknown"
        else f"{_words(name)} {guess.value} ({guess.confidence:.0%})"
        for name, guess in guesses.items()
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def print_ranking(console: Console, ranking: "Ranking", truth: int | None = None) -> None:
    """The model's ranking with reasons, and the habits' ranking beside it; `truth` marks the place visited."""
    when = f"{ranking.at:%A %Y-%m-%d %H:%M}" if ranking.at else "time unknown"
    table = Table(
        title=f"Next place of {escape(ranking.user_id)}, {when}", title_justify="left", caption_justify="left",
        caption=f"{escape(ranking.model)}, level {ranking.level}, {ranking.prompt_tokens} prompt tokens, "
        f"{ranking.seconds:.1f} s. P(LLM): exact, over all places. Right: the habits alone.",
    )  # fmt: skip
    for heading in ("#", "POI", "kind", "km", "P(LLM)", "why", "habits alone", "P"):
        table.add_column(heading, justify="right" if heading in ("#", "km", "P(LLM)", "P") else "left")
    for i, (ours, theirs) in enumerate(zip(ranking.places, ranking.by_habits, strict=True), start=1):
        table.add_row(
            str(i),
            _label(ours, truth),
            escape(ours.name or ours.category) if not ours.name else escape(f"{ours.name} ({ours.category})"),
            "" if ours.distance_km is None else f"{ours.distance_km:.1f}",
            f"{ours.probability:.4f}",
            escape("; ".join(ours.reasons)),
            f"{_label(theirs, truth)} {escape(theirs.category)}",
            f"{theirs.probability:.4f}",
        )
    console.print(table)
    if truth is not None:
        console.print(f"  Truth: POI {truth}, {_rank(ranking.places, truth)} by the LLM, "
                      f"{_rank(ranking.by_habits, truth)} by habits alone")  # fmt: skip


def _label(place: "Place", truth: int | None) -> str:
    return f"[green]{place.poi} ✓[/green]" if place.poi == truth else str(place.poi)


def _rank(places: "list[Place]", truth: int) -> str:
    ranks = [i for i, place in enumerate(places, start=1) if place.poi == truth]
    return f"rank {ranks[0]}" if ranks else f"not in the top {len(places)}"


def summary_table(summary: "Summary", seconds: float, written: int) -> Table:
    """The account of a run over profiles."""
    table = Table(title="Profiles", show_header=False, title_justify="left")
    rows = {
        "users": f"{summary.users} ({written} written now)",
        "tokens in / out": f"{summary.tokens_in:,} / {summary.tokens_out:,}",
        "sentences": str(summary.asked),
        "asked again": str(summary.asked_again),
        "dropped": str(summary.dropped),
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
