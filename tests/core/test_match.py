"""Which pairs are one story, and how they are related."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.evidence import Evidence, compare
from worker.core.fingerprint import fingerprint
from worker.core.match import Decision, Profile, Relation, could_be_firm, decide, features, is_firm

HOUR = 3600.0
WIRE = Profile(published=0.0, sources=frozenset({"northern wire"}))
PAPER = Profile(published=5 * HOUR, sources=frozenset({"vellmouth courier"}))

HEADLINE = "Vellmouth council closes old ferry pier after cracks found"
PARAGRAPHS = """
The harbour council of Vellmouth voted on Tuesday to close the old ferry pier after divers found cracks in 14 of
its 62 piles, chairwoman Ada Quill said.

Repairs will cost about 3.4 million crowns and take until the spring of 2033, according to a report by the
engineers of Tarn and Sons that was read to the council.

Ferries to Pelling and the Outer Skerries will leave from the north quay from Monday on, with two crossings
fewer each day than the timetable has now.

“Nobody likes to see the old pier go dark, but I will not wait for the first pile to break,” Quill told
reporters after the meeting, which lasted four hours.

The ferry company said it would lose up to 900 passengers a day and asked the government in Karsholm for help.

The pier was built in 1911 and carried 220,000 passengers last year.
""".strip().split("\n\n")
BODY = "\n".join(PARAGRAPHS)
UNRELATED = """
Farmers in the Outer Skerries have begun to bring in the barley three weeks earlier than last year, the growers'
league said.

It put the harvest at 41,000 tonnes after a dry May, and warned that prices would fall by a fifth before autumn.
""".strip().split("\n\n")
RETELLING = (
    "Vellmouth loses the landmark of its harbour. Cracked piles, 14 of 62, leave no choice, says Ada Quill, who "
    "heads the council there: “Nobody likes to see the old pier go dark, but I will not wait for the first pile to "
    "break,” Quill told reporters. Whoever wants to go to Pelling must walk to the north quay instead, where two "
    "boats fewer a day will moor. Fixing it all is a matter of 3.4 million crowns, if the report by the engineers "
    "of Tarn and Sons that was read to the council has it right, and nobody in town thinks that it has. The oldest "
    "among the fishermen recall the winter when ice took the lamp off the end of it. They had a new one up in a "
    "week, with no report and no meeting, and went on fishing. It is another town now, and people write letters."
)
TEMPLATE = (
    "The Bank of {place} said it provided the money market with {amount} million crowns of help in the {part} session. "
    "This compares with its estimate of a shortage of around {short} million crowns. The central bank bought bills "
    "outright, {band} million crowns of them in band one at {rate} per cent."
)


def evidence(headline_a: str, body_a: str, headline_b: str, body_b: str) -> Evidence:
    a, b = fingerprint(headline_a, body_a), fingerprint(headline_b, body_b)
    return compare(a.words, a.headline_words, b.words, b.headline_words)


def related(headline: str, body: str, a: Profile = WIRE, b: Profile = PAPER) -> Relation | None:
    return decide(evidence(HEADLINE, BODY, headline, body), a, b).relation


def test_the_same_words_are_exact() -> None:
    """Punctuation and capitals do not matter; every word is the same."""
    assert related(HEADLINE.upper(), BODY.replace(", ", " , ")) is Relation.EXACT


def test_small_edits_throughout_are_near() -> None:
    """A text with a word changed here and there is near."""
    edited = BODY.replace("voted", "decided").replace("cost about", "cost some").replace("lose up to", "lose")
    assert related(HEADLINE, edited) is Relation.NEAR


def test_a_cut_copy_under_another_headline_is_syndicated() -> None:
    """Half a body under a headline of its own is the same story."""
    assert related("No more boats from the old pier", "\n".join(PARAGRAPHS[:3])) is Relation.SYNDICATED


def test_a_copy_inside_other_text_is_syndicated() -> None:
    """Passages added before and after a body do not hide it."""
    added = [UNRELATED[0], *PARAGRAPHS[:5], UNRELATED[1]]
    assert related("Skerries lose ferries", "\n".join(added)) is Relation.SYNDICATED


def test_a_retelling_around_a_quote_is_derived() -> None:
    """A text of its own around passages of another, with its names and numbers, is derived."""
    assert related("What a pier means to a town", RETELLING) is Relation.DERIVED


def test_two_kept_passages_tie_long_texts_where_one_does_not() -> None:
    """However long the texts, two passages are a retelling; one, or two in a far longer text, are quotations."""
    shared = evidence(HEADLINE, BODY, "What a pier means to a town", RETELLING)
    two = shared._replace(words_a=900, words_b=1100, containment_a=0.03, containment_b=0.025)
    assert two.long_passages > 1
    assert decide(two, WIRE, PAPER).relation is Relation.DERIVED
    assert decide(two._replace(long_passages=1), WIRE, PAPER).relation is None
    assert decide(two._replace(words_b=2300), WIRE, PAPER).relation is None


def test_a_phrase_or_two_tie_no_long_texts() -> None:
    """Reports of a running subject share names and a phrase; what ties texts is a sentence, or more of a short text."""
    shared = evidence(HEADLINE, BODY, "What a pier means to a town", RETELLING)
    two = shared._replace(words_a=900, words_b=1100, containment_a=0.05, containment_b=0.04)
    phrases = two._replace(long_words=19, longest_passage=10, shared_words=40)
    assert decide(two, WIRE, PAPER).relation is Relation.DERIVED
    assert decide(phrases, WIRE, PAPER).reasons == ("a quotation in common, and no more",)
    assert decide(phrases._replace(containment_a=0.2), WIRE, PAPER).relation is Relation.DERIVED


def test_where_every_noun_has_a_capital_names_tell_nothing() -> None:
    """In German, capitals neither tie nor part texts; where few words have one, other names part them."""
    shared = evidence(HEADLINE, BODY, "What a pier means to a town", RETELLING)
    english = shared._replace(names_a=10, names_b=10, names_shared=2, names_conflict=3)
    nouns = [
        english._replace(names_a=n, names_b=n, names_shared=both, names_conflict=gaps)
        for n, both, gaps in ((shared.vocabulary_b, 2, 3), (shared.vocabulary_b, 40, 0))
    ]
    one, two = (features(e, 1.0, same_source=False) for e in nouns)
    assert one == two
    assert one["name_conflicts"] == 0 < features(english, 1.0, same_source=False)["name_conflicts"]
    assert one["names"] > features(english, 1.0, same_source=False)["names"]


def test_where_no_word_has_a_capital_passages_hold_facts_all_the_same() -> None:
    """In Arabic or Thai no name can be seen in a passage: its words count for some, but hardly in a template."""
    shared = evidence(HEADLINE, BODY, "What a pier means to a town", RETELLING)
    caseless = shared._replace(facts=0, names_a=0, names_b=1, names_shared=0)
    english = caseless._replace(names_a=shared.names_a, names_b=shared.names_b)
    template = caseless._replace(slots_conflict=20)
    one, other, slots = (features(e, 1.0, same_source=False)["facts"] for e in (caseless, english, template))
    assert one > slots > other == 0


def test_a_corrected_version_of_one_source_is_a_revision() -> None:
    """The same item of one source, hours later and with other numbers, is a revision."""
    corrected = BODY.replace("3.4 million", "4.3 million").replace("14 of its 62", "16 of its 62")
    later = WIRE._replace(published=2 * HOUR)
    assert related(f"CORRECTED-{HEADLINE}", corrected, WIRE, later) is Relation.REVISION


def test_versions_of_one_item_are_revisions_however_much_was_rewritten() -> None:
    """One item id counts for more than the overlap."""
    one = WIRE._replace(items=frozenset({"x"}))
    later = one._replace(published=60 * HOUR)
    assert related("Pier closed", "\n".join([UNRELATED[0], *PARAGRAPHS[:3]]), one, later) is Relation.REVISION


def test_a_flash_and_the_report_after_it_are_one_item() -> None:
    """Under one item id even a text of a few words is the first version of the long one; without it is not."""
    flash = evidence("Vellmouth council closes ferry pier", "Details follow.", HEADLINE, BODY)
    one = WIRE._replace(items=frozenset({"x"}))
    assert decide(flash, one, one._replace(published=HOUR)).relation is Relation.REVISION
    assert decide(flash, WIRE, WIRE._replace(published=HOUR)).relation is None
    other = evidence("Live: what happens today", "Details follow.", HEADLINE, BODY)
    assert decide(other, one, one._replace(published=HOUR)).relation is None


@pytest.mark.parametrize("hours", [24, 24 * 14])
def test_a_template_with_other_numbers_is_another_story(hours: int) -> None:
    """Market reports that differ in nothing but their slots stay apart."""
    one = TEMPLATE.format(place="Karsholm", amount=37, part="morning", short=700, band=33, rate="10.81")
    two = TEMPLATE.format(place="Karsholm", amount=24, part="afternoon", short=500, band=22, rate="10.87")
    e = evidence("MONEY MARKET GIVEN 37 MILLION", one, "MONEY MARKET GIVEN 24 MILLION", two)
    assert decide(e, WIRE, WIRE._replace(published=hours * HOUR)).relation is None


def test_unrelated_texts_are_apart() -> None:
    """Texts without a passage in common are never one story."""
    assert related("Early harvest on the Skerries", "\n".join(UNRELATED)) is None


def test_short_texts_match_only_exactly() -> None:
    """Under 12 words nothing but the same words will do, headline included."""
    stub = evidence("Sign in", "Please sign in to read on today", "Sign in", "Please sign in to read on")
    assert decide(stub, WIRE, PAPER).relation is None
    same = evidence("Sign in", "Please sign in to read on", "Sign in", "Please sign in to read on!")
    assert decide(same, WIRE, PAPER).relation is Relation.EXACT
    other = evidence("Sign in", "Please sign in to read on", "Log in", "Please sign in to read on")
    assert decide(other, WIRE, PAPER).relation is None


def test_a_round_up_is_not_its_item() -> None:
    """A long text that carries one item among others, and begins with another, is not that item's copy."""
    filler = [f"{town} reports {n} new houses and a bridge over the {town} river, to be opened by its mayor next year. "
              f"Nobody in {town} was hurt when a crane fell on the empty market hall." for n, town in
              enumerate(("Oster", "Quarn", "Lindal", "Merrow", "Tessel", "Norby", "Ankar", "Holm", "Sund", "Brekk",
                         "Farna", "Gild", "Iver", "Jarn", "Kolle"))]  # fmt: skip
    body = "\n".join([*filler[:10], PARAGRAPHS[4], *filler[10:]])
    item = evidence("News in brief", body, "Help for ferry company asked", "\n".join([PARAGRAPHS[4], PARAGRAPHS[5]]))
    assert decide(item, WIRE, PAPER).relation is None


def test_a_decision_says_why() -> None:
    """The features that decided are named, weightiest first, with their values."""
    cut = evidence(HEADLINE, BODY, "Boats", "\n".join(PARAGRAPHS[:3]))
    reasons = decide(cut, WIRE, PAPER).reasons
    assert any("words in long shared passages" in reason for reason in reasons)
    one = WIRE._replace(items=frozenset({"x"}))
    assert decide(cut, one, one._replace(published=HOUR)).reasons[0] == "same item of one source"


def test_only_derived_does_not_tie() -> None:
    """Every other relation makes one story of two texts."""
    assert [relation for relation in Relation if not relation.is_strong] == [Relation.DERIVED]


def mirrored(e: Evidence) -> Evidence:
    def other(name: str) -> str:
        return name[:-1] + {"a": "b", "b": "a"}[name[-1]] if name.endswith(("_a", "_b")) else name

    return Evidence(**{name: getattr(e, other(name)) for name in e._fields})


profiles = st.builds(
    Profile,
    published=st.none() | st.floats(0, 1e9),
    sources=st.frozensets(st.sampled_from("abc")),
    items=st.frozensets(st.sampled_from("xy")),
)


@given(st.sets(st.integers(0, 5), min_size=1), st.sets(st.integers(0, 5), min_size=1), profiles, profiles)
def test_decisions_are_symmetric(kept_a: set[int], kept_b: set[int], a: Profile, b: Profile) -> None:
    """Which of two texts is called a changes nothing."""
    e = evidence(
        HEADLINE, "\n".join(PARAGRAPHS[i] for i in kept_a), "Pier", "\n".join(PARAGRAPHS[i] for i in sorted(kept_b))
    )
    decision: Decision = decide(e, a, b)
    assert decision == decide(mirrored(e), b, a)
    assert 0 <= decision.strength <= 1


@given(
    st.sets(st.integers(0, 5), min_size=1),
    st.sets(st.integers(0, 5), min_size=1),
    st.sampled_from(["Pier", HEADLINE]),
    profiles,
    profiles,
)
def test_nothing_that_may_turn_out_firm_is_dropped_before(
    kept_a: set[int], kept_b: set[int], headline: str, a: Profile, b: Profile
) -> None:
    """What is dropped unread could not have been a firm match: or it would matter when two texts meet."""
    e = evidence(HEADLINE, "\n".join(PARAGRAPHS[i] for i in kept_a), headline, "\n".join(PARAGRAPHS[i] for i in kept_b))
    a, b = a._replace(items=frozenset()), b._replace(items=frozenset())
    relation = decide(e, a, b).relation
    assert relation is None or not is_firm(e, relation) or could_be_firm(e)
