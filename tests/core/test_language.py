"""The language of texts that do not say."""

from worker.core.language import language_of

GERMAN = (
    "Der Stadtrat von Orrin hat am Mittwoch beschlossen, die alte Brücke noch einmal zu reparieren. Die Arbeiten "
    "sollen im Frühjahr beginnen und bis zum Herbst dauern, sagte die Bürgermeisterin. Das Geld kommt aus dem "
    "Haushalt des Landes. Bis dahin bleibt die Brücke für Lastwagen gesperrt."
)


def test_a_plain_text_is_named_and_a_short_or_numeric_one_is_not() -> None:
    assert language_of(GERMAN) == "de"
    assert language_of("Der Stadtrat") is None
    assert language_of("12.5 13.0 14.25 11.75 " * 20) is None
