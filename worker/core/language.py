"""The language of a text whose source does not say."""

from typing import Final

READ: Final = 600
"""Characters looked at: more change nothing but the time."""
LEAST: Final = 60
"""Shorter texts are guesses."""
UNSURE: Final = 500
"""Resiliparse's distance (0 is certain) from which on its answer is not taken. Of 3,000 terse English newswire items
74 in 100 are named rightly below it, 1 wrongly, the others not; of 400 web articles 97 in 100 rightly, 1 wrongly."""


def language_of(text: str) -> str | None:
    """Name the language (ISO 639-1) by resiliparse's n-gram profiles, in 7 µs; None when it is not plain."""
    from resiliparse.parse.lang import detect_fast

    if len(text) < LEAST:
        return None
    language, distance = detect_fast(text[:READ])
    return str(language) if language != "unknown" and distance < UNSURE else None
