"""The seeded corpora: the same seed gives the same records, and every label tells the truth about its text."""

import unicodedata
from collections import Counter
from difflib import SequenceMatcher
from itertools import combinations, islice

import pytest

from benchmarks.corpus import LABELS, MIX, Record, generate, given
from benchmarks.families import CUT_SHARE, DERIVED_SHARE, NEAR_RATE, PASSAGE_WORDS, PASSAGES
from benchmarks.languages import grammar, languages
from benchmarks.planted import MEMBERS, Planted, planted
from benchmarks.scoring import Found, score

SEED = 11


@pytest.fixture(scope="module")
def stream() -> list[Record]:
    return list(generate(1_500, SEED))


@pytest.fixture(scope="module")
def plant() -> Planted:
    return planted(families=6, lookalike_pairs=64, seed=SEED)


def pairs(records: list[Record], relation: str) -> list[tuple[Record, Record]]:
    by_key = {r["key"]: r for r in records}
    return [(by_key[r["parent"]], r) for r in records if r["relation"] == relation]


def words(record: Record) -> int:
    return grammar(record["language"]).script.words(record["text"])


def units(record: Record) -> list[str]:
    """Words, or letters where a script has no spaces between words."""
    return record["text"].split() if grammar(record["language"]).spaced else [c for c in record["text"] if c.isalnum()]


def shared(a: Record, b: Record) -> list[int]:
    """Lengths of the passages that stand in both texts, in the same order, in units."""
    blocks = SequenceMatcher(None, units(a), units(b), autojunk=False).get_matching_blocks()
    return [block.size for block in blocks if block.size]


def test_the_same_seed_gives_the_same_records(stream: list[Record]) -> None:
    assert list(generate(1_500, SEED)) == stream
    assert next(generate(1_500, SEED + 1)) != stream[0]


def test_the_planted_set_is_the_same_for_the_same_seed() -> None:
    assert planted(2, 16, SEED) == planted(2, 16, SEED)


def test_records_come_in_order_of_publication_within_the_month(stream: list[Record]) -> None:
    times = [r["published_at"] for r in stream]
    assert times == sorted(times)
    assert (times[0][:10], times[-1][:7]) == ("2025-03-01", "2025-03")


def test_the_corpus_holds_every_relation(stream: list[Record]) -> None:
    counted = Counter(r["relation"] for r in stream)
    assert counted.keys() == {*MIX, "original", "look-alike"}
    assert 0.15 < sum(counted[name] for name in MIX) / len(stream) < 0.6


def test_no_name_is_left_open(stream: list[Record]) -> None:
    assert not any("\x00" in record["text"] + record["title"] for record in stream)


def test_newsfold_is_not_given_the_labels(stream: list[Record]) -> None:
    fields = set().union(*map(given, islice(stream, 200)))
    assert fields == {"id", "title", "text", "published_at", "source", "url", "language"}
    assert not fields & set(LABELS)


def test_a_variant_is_published_after_its_original_and_in_its_family(stream: list[Record], plant: Planted) -> None:
    for records in (stream, plant.records):
        by_key = {r["key"]: r for r in records}
        assert len(by_key) == len(records)
        for r in records:
            if r["parent"]:
                parent = by_key[r["parent"]]
                assert parent["relation"] == "original"
                assert r["family"] == parent["family"]
                assert r["published_at"] >= parent["published_at"]


def test_every_language_has_every_relation(plant: Planted) -> None:
    assert set(languages()) >= {"en", "de", "ru", "es", "ar", "zh", "ja"}
    counted = Counter((r["language"], r["relation"]) for r in plant.records)
    for code in languages():
        for relation in MEMBERS:
            assert counted[code, relation] >= 6


def test_an_exact_copy_has_the_same_words_and_another_source(plant: Planted) -> None:
    for original, copy in pairs(plant.records, "exact"):
        a, b = ([c for c in unicodedata.normalize("NFKD", r["text"]) if c.isalpha()] for r in (original, copy))
        assert a == b
        assert copy["source"] != original["source"]


def test_a_near_copy_has_one_to_ten_per_cent_of_its_words_edited(plant: Planted) -> None:
    for original, copy in pairs(plant.records, "near"):
        assert 1 <= copy["edited"] <= max(1, NEAR_RATE[1] * words(original) + 1)
        unchanged = sum(shared(original, copy)) / len(units(original))
        assert 0.85 <= unchanged <= 1
        assert copy["text"] != original["text"]


def test_a_syndicated_copy_keeps_a_fifth_or_more_of_the_body_word_for_word(plant: Planted) -> None:
    for original, copy in pairs(plant.records, "syndicated"):
        assert copy["kept"] >= CUT_SHARE[0] * words(original) - 25
        assert sum(shared(original, copy)) >= 0.8 * copy["kept"]
        assert copy["kept"] >= 0.45 * words(copy)
        assert copy["source"] != original["source"]


def test_a_cut_copy_has_nothing_but_the_body_and_one_line_of_its_outlet(plant: Planted) -> None:
    for original, copy in pairs(plant.records, "syndicated"):
        if copy["how"] == "cut":
            foreign = [p for p in copy["text"].split("\n\n") if p not in original["text"]]
            assert len(foreign) <= 3  # the outlet's line, a copyright notice, a paragraph cut in the middle
            assert copy["kept"] <= CUT_SHARE[1] * words(original) + 25


def test_a_revision_is_a_later_version_of_one_item_by_one_source(plant: Planted, stream: list[Record]) -> None:
    for original, later in pairs(plant.records, "revision") + pairs(stream, "revision"):
        assert later["source"] == original["source"]
        assert (later["id"] == original["id"]) or (later["url"] == original["url"])
        assert later["text"] != original["text"]


def test_a_derived_text_is_its_own_around_two_to_four_kept_passages(plant: Planted) -> None:
    for original, copy in pairs(plant.records, "derived"):
        passages = int(copy["how"].split()[0])
        assert PASSAGES[0] <= passages <= PASSAGES[1]
        assert passages * PASSAGE_WORDS[0] <= copy["kept"] <= passages * PASSAGE_WORDS[1]
        assert copy["kept"] <= DERIVED_SHARE * min(words(original), words(copy)) + 1


def test_lookalikes_share_no_long_passage_but_their_template(plant: Planted) -> None:
    by_key = {r["key"]: r for r in plant.records}
    assert len(plant.apart) == 64
    for a, b in plant.apart:
        first, second = by_key[a], by_key[b]
        assert first["family"] != second["family"]
        assert first["text"] != second["text"]


def test_unrelated_originals_share_little(plant: Planted) -> None:
    for code in languages():
        originals = [r for r in plant.records if r["language"] == code and r["relation"] == "original"]
        letters = grammar(code).script.letters_per_word or 1
        for a, b in combinations(originals, 2):
            assert max(shared(a, b)) < 12 * letters


def test_a_perfect_answer_scores_one_and_an_empty_one_nothing(plant: Planted) -> None:
    perfect = {
        r["key"]: Found(r["family"], "canonical" if r["parent"] is None else r["relation"]) for r in plant.records
    }
    result = score(plant, perfect)
    assert all(row["precision"] == row["recall"] == 1.0 for row in result["relations"].values())
    assert (result["lookalike_pairs_merged"], result["foreign_pairs"]) == (0, 0)
    assert result["lookalikes_apart"] == sum(r["relation"] == "look-alike" for r in plant.records)
    alone = {r["key"]: Found(r["key"], "canonical") for r in plant.records}
    assert all(row["recall"] == row["linked"] == 0.0 for row in score(plant, alone)["relations"].values())


def test_one_story_of_everything_is_seen_as_welded(plant: Planted) -> None:
    result = score(plant, {r["key"]: Found("1", "near") for r in plant.records})
    assert result["lookalike_pairs_merged"] == 64
    assert result["foreign_pairs"] > 10_000
