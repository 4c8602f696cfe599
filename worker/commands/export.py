"""`newsfold export`: the stories as a function of the set of articles, for comparing two databases byte by byte.

Sorted by content; no row numbers, no times of arrival. One JSON object a line, a story each.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Connection, select

from models.tables import Article, Match, Story, Text


def lines(connection: Connection) -> Iterator[bytes]:
    """Yield the export, line by line. Holds keys and numbers of everything in memory, texts of nothing."""
    digests = {row.id: row.digest.hex() for row in connection.execute(select(Text.id, Text.digest))}
    evidence = _evidence(connection, digests)
    appearances: dict[int, list[dict[str, Any]]] = defaultdict(list)
    columns = Article.text_id, Article.key, Article.source, Article.external_id, Article.url, Article.published_at
    for seen in connection.execute(select(*columns)):
        known = {name: getattr(seen, name) for name in ("source", "external_id", "url", "published_at")}
        appearances[seen.text_id].append({"article": seen.key.hex(), **known})
    speaks = {row.id: row.canonical_text_id for row in connection.execute(select(Story.id, Story.canonical_text_id))}
    stories: dict[int, list[dict[str, Any]]] = defaultdict(list)
    members = select(Text.id, Text.story_id, Text.relation, Text.jaccard, Text.containment, Text.withdrawn)
    for row in connection.execute(members.where(Text.story_id.is_not(None))):
        stories[row.story_id].append(
            {
                "text": digests[row.id],
                "relation": row.relation,
                "jaccard": row.jaccard,
                "containment": row.containment,
                "withdrawn": row.withdrawn,
                "appearances": sorted(appearances[row.id], key=lambda one: str(one["article"])),
                "evidence": sorted(evidence[row.id], key=lambda one: str(one["with"])),
            }
        )
    told = [
        {"canonical": digests[speaks[story_id]], "texts": sorted(texts, key=lambda text: str(text["text"]))}
        for story_id, texts in stories.items()
    ]
    for story in sorted(told, key=lambda story: str(story["canonical"])):
        yield orjson.dumps(story) + b"\n"


def _evidence(connection: Connection, digests: dict[int, str]) -> dict[int, list[dict[str, Any]]]:
    """Each match once, under the text of the smaller digest and seen from there."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in connection.execute(select(Match.__table__)):
        turned = digests[row.text_a] > digests[row.text_b]
        passages = [[b, a, words] for a, b, words in row.passages] if turned else row.passages
        contained = (row.containment_b, row.containment_a) if turned else (row.containment_a, row.containment_b)
        first, second = (row.text_b, row.text_a) if turned else (row.text_a, row.text_b)
        found[first].append(
            {
                "with": digests[second],
                "relation": row.relation,
                "strength": round(row.strength, 9),
                "jaccard": row.jaccard,
                "containment": contained,
                "shared_words": row.shared_words,
                "longest_passage": row.longest_passage,
                "passages": sorted(passages),
                "reasons": row.reasons,
            }
        )
    return found
