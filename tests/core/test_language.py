"""The language of texts that do not say."""

from worker.core.language import language_of

GERMAN = "Der Stadtrat von Orrin hat am Mittwoch beschlossen, die alte Brücke über die Ansel noch einmal zu reparieren."


def test_a_plain_text_is_named_and_a_short_or_numeric_one_is_not() -> None:
    assert language_of(GERMAN * 3) == "de"
    assert language_of("Der Stadtrat") is None
    assert language_of("12.5 13.0 14.25 11.75 " * 20) is None
