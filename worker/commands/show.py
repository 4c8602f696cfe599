"""How stories, evidence, differences and the ledger look on a terminal."""

import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from models import queries

DIFF_WORDS = 4000
"""Words of each side that are compared: difflib's time grows with their product."""
CONTEXT = 6

Row = Mapping[str, Any]


def console() -> Console:
    """The terminal; in a pipe or a log lines are wide, so that no table is folded into a column of words."""
    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
    return Console(width=wide)


def gather_story(connection: Connection, story_id: int) -> dict[str, Any] | None:
    """Read a story whole: members with their texts, and the evidence between them; None if there is none."""
    now = queries.follow(connection, story_id)
    if now is None:
        return None
    members = queries.members(connection, [now])
    texts = queries.article_texts(connection, [member["article_id"] for member in members])
    articles = [member | texts[member["article_id"]] for member in members]
    speaks = {article["text_id"]: article["article_id"] for article in reversed(articles)}
    evidence = []
    for match in queries.evidence(connection, sorted(speaks)):
        ends = {"article_id_a": speaks[match.pop("text_a")], "article_id_b": speaks[match.pop("text_b")]}
        evidence.append(ends | match)
    for article in articles:
        del article["id"], article["text_id"]
    newest = _newest_version(articles)
    return {
        "story_id": now,
        "asked_for": story_id,
        "newest_version": newest["article_id"],
        "articles": articles,
        "evidence": evidence,
        "history": queries.history(connection, now),
    }


def stories(found: Sequence[Row]) -> None:
    """Print stories, one a row; those that carry their members, with a row each."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (("story", "right"), ("articles", "right"), ("sources", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("first published", no_wrap=True)
    table.add_column("headline")
    for row in found:
        table.add_row(
            f"[bold]{row['story_id']}[/]",
            str(row["article_count"]),
            str(row["source_count"]),
            _time(row["first_published_at"]),
            f"[bold]{escape(row['headline'] or '(no headline)')}[/]{_withdrawn(row)}",
        )
        for member in row.get("members", ()):
            table.add_row("", "", "", _time(member["published_at"]), _member(member))
    if not found:
        console().print("no stories")
        return
    console().print(table)


def story(found: Mapping[str, Any], why: bool) -> None:
    """Print one story: the canonical article, then each variant with its evidence and what it changed."""
    out = console()
    if found["asked_for"] != found["story_id"]:
        out.print(f"story {found['asked_for']} is now part of story {found['story_id']}")
    articles = found["articles"]
    canonical = next(article for article in articles if article["relation"] == "canonical")
    newest = next(article for article in articles if article["article_id"] == found["newest_version"])
    out.print(Text(newest["headline"] or "(no headline)", style="bold"))
    out.print(Text(_about(newest), style="dim"))
    if newest is not canonical:
        out.print(Text(f"the newest version of: {_about(canonical)}", style="dim"))
    out.print(Padding(Text(_shorten(newest["text"], 1200)), (1, 0)))
    for article in articles:
        if article is canonical:
            continue
        out.rule(align="left", title=_member(article), style="dim")
        out.print(Text(_about(article), style="dim"))
        _evidence(out, found["evidence"], canonical, article, why)
        if article["relation"] != "exact":
            out.print(Padding(_difference(canonical, article, marked=not out.is_terminal), (1, 2)))


def _newest_version(articles: Sequence[Row]) -> Row:
    """The canonical article, or the last of its revisions that was not withdrawn."""
    canonical = articles[0]
    versions = [one for one in articles if one["relation"] == "revision" and one["source"] == canonical["source"]]
    standing = [one for one in versions if not one["withdrawn"]]
    return max(
        standing,
        key=lambda one: (str(one["published_at"] or ""), one["version"] or "", one["article_id"]),
        default=canonical,
    )


def deliveries(found: Sequence[Row]) -> None:
    """Print the ledger."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("id", "state", "received", "new", "duplicate", "rejected"):
        table.add_column(name, justify="left" if name == "state" else "right")
    table.add_column("when", no_wrap=True)
    table.add_column("file")
    for row in found:
        counts = [str(row[name]) for name in ("received", "new", "duplicate", "rejected")]
        style = {"failed": "red", "received": "yellow"}.get(row["state"], "green")
        state = f"[{style}]{row['state']}[/]"
        table.add_row(str(row["id"]), state, *counts, _time(row["received_at"]), escape(row["path"]))
        for reason in [row["error"]] if row["error"] else []:
            table.add_row(*[""] * 7, Text(f"  {reason}", style="red"))
        for rejection in row["rejections"]:
            table.add_row(*[""] * 7, Text(f"  {rejection['position']}: {rejection['reason']}", style="yellow"))
    console().print(table)


def _member(member: Row) -> str:
    numbers = ""
    if member["containment"] is not None and member["relation"] != "canonical":
        numbers = f" [dim]{member['containment']:.0%} of the shorter, J {member['jaccard']:.2f}[/]"
    name = escape(member["source"] or "unknown source")
    headline = escape(member["headline"] or "(no headline)")
    return f"[cyan]{member['relation']:<10}[/] {name}: {headline}{_withdrawn(member)}{numbers}"


def _withdrawn(row: Row) -> str:
    return " [red]withdrawn[/]" if row["withdrawn"] else ""


def _about(article: Row) -> str:
    parts = [article["source"], _time(article["published_at"]), article["byline"], article["credit"], article["url"]]
    return f"article {article['article_id']}: " + ", ".join(part for part in parts if part)


def _evidence(out: Console, evidence: Sequence[Row], canonical: Row, article: Row, why: bool) -> None:
    pair = {canonical["article_id"], article["article_id"]}
    for match in evidence:
        if {match["article_id_a"], match["article_id_b"]} == pair:
            out.print(
                f"{match['shared_words']} shared words, longest passage {match['longest_passage']}, "
                f"Jaccard {match['jaccard']:.2f}, "
                f"containment {match['containment_a']:.2f} and {match['containment_b']:.2f}"
            )
            if why:
                for reason in match["reasons"]:
                    out.print(f"  · {escape(reason)}")


def _difference(canonical: Row, article: Row, *, marked: bool) -> Text:
    """A word diff: red was in the canonical, green stands in the variant, long agreement is cut.

    `marked` adds wdiff's brackets, for where there are no colours.
    """
    before = _words(canonical)
    after = _words(article)
    out = Text()
    old, new = ("[-{}-]", "{{+{}+}}") if marked else ("{}", "{}")
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            out.append(" ".join(_cut(before[a:b])) + " ")
            continue
        if b > a:
            out.append(old.format(" ".join(before[a:b])), style="red strike")
            out.append(" ")
        if d > c:
            out.append(new.format(" ".join(after[c:d])), style="green")
            out.append(" ")
    return out


def _words(article: Row) -> list[str]:
    return re.findall(r"\S+", f"{article['headline']}\n{article['text']}")[:DIFF_WORDS]


def _cut(words: Sequence[str]) -> Iterator[str]:
    if len(words) <= 2 * CONTEXT + 2:
        return iter(words)
    return iter([*words[:CONTEXT], f"[… {len(words) - 2 * CONTEXT} words …]", *words[-CONTEXT:]])


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length].rsplit(" ", 1)[0] + " …"


def _time(value: datetime | None) -> str:
    return "" if value is None else f"{value:%Y-%m-%d %H:%M}"
