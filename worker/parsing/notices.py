"""Items that say all they have to say in their headline: alerts, sent before there is a body, and kills without one."""

import re
from collections.abc import Iterable

from worker.core.article import Article

_ALERT = re.compile(r"\b(?:flash|(?:news ?)?alert|snap|bulletin|urgent)\b", re.IGNORECASE)


def with_text(article: Article, marks: Iterable[str]) -> Article:
    """The article, its headline (or note to editors) for its text if it has none and is an alert or a kill.

    `marks` are the fields in which its format calls an item an alert: genre, profile, slugline, signals. A headline
    alone is no text otherwise. What the text was taken from is recorded as `text_from`.
    """
    if article.text.strip():
        return article
    kill = article.status == "cancelled" and article.external_id is not None
    note = article.metadata.get("ednote")
    text, origin = (article.headline, "headline") if article.headline else (str(note or ""), "ednote")
    if not text or not (kill or _ALERT.search(" ".join(marks))):
        return article
    return article._replace(text=text, metadata={**article.metadata, "text_from": origin})
