"""The fingerprint against a slow reference written from its description, against datasketch, and against its laws."""

import re
import subprocess
import sys
import time
import unicodedata
import zlib
from itertools import pairwise

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.core import fingerprint as module
from worker.core.alphabet import CALENDAR, CALENDAR_CAPITALISED
from worker.core.fingerprint import BANDS, SHORT, Fingerprint, fingerprint, index_keys, shingles, signature

PLAIN, NUMBER, NAME, CALENDAR_WORD = range(4)
MASK = (1 << 64) - 1

unhurried = settings(deadline=None)  # whichever example comes first waits for the compiler


def hashes(text: str, headline: str = "") -> list[int]:
    """The words without their classes."""
    return [int(word) >> 2 for word in fingerprint(headline, text).words]


def classes(text: str, headline: str = "") -> list[int]:
    return [int(word) & 3 for word in fingerprint(headline, text).words]


def same(a: Fingerprint, b: Fingerprint) -> bool:
    return a.digest == b.digest and a.words.tolist() == b.words.tolist() and a.keys.tolist() == b.keys.tolist()


# --- Spellings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Mayor of Quillport", "THE MAYOR OF QUILLPORT"),
        ("“Rain,” she said — ‘at last’", "\"Rain,\" she said - 'at last'"),
        ("don’t l’État rock-n-roll", "don't l'Etat rock–n–roll"),
        ("café Łódź Ærø Þór cœur", "cafe\u0301 LODZ aero thor coeur"),
        ("Straße STRASSE GROẞ", "strasse straße gross"),
        ("İzmir ISPARTA", "izmir ısparta"),
        ("it cost 1,500,000 crowns", "it cost 1500000 crowns"),
        ("٣٤٥ ۱۲۳ १२ ๑๒ ３４", "345 123 12 12 34"),
        ("٢٬٥٠٠ ٣٫٥", "2500 3.5"),
        ("ﬁnance ｆｕｌｌ 𝐁𝐨𝐥𝐝 m²", "finance full bold m2"),
        ("Glint™ 5½ miles", "Glint 5 1/2 miles"),
        ("the U.S. and J.K. Varrow, e.g. at 5 p.m.", "the US and JK Varrow, eg at 5 pm"),
        ("ёлка ещё й", "елка еще й"),
        ("ΣΟΦΌΣ Αθήνα", "σοφός ΑΘΗΝΑ"),
        ("pаypal Μοοn Сity", "paypal Moon City"),  # Cyrillic a and С, Greek Μοο
        ("مُحَمَّد أحمد كـــتاب", "محمد احمد كتاب"),
        ("علی کتاب", "علي كتاب"),
        ("שָׁלוֹם ירושלים־העיר", "שלום ירושלים העיר"),
        ("un\u00adbroken ze\u200bro \u202eright\u202c a\ufe0f ta\U000e0041g", "unbroken zero right a tag"),
        ("東京は、日本の首都です。", "東京は日本の首都です".replace("は", "は ")),
        ("한국어 뉴스", unicodedata.normalize("NFD", "한국어 뉴스")),
        ("ガラス", unicodedata.normalize("NFD", "ガラス")),
        ("हिन्दी, समाचार।", "हिन्दी समाचार"),
    ],
)
def test_spellings_of_one_text_give_the_same_words(one: str, other: str) -> None:
    assert hashes(one) == hashes(other)
    assert fingerprint("", one).digest == fingerprint("", other).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [("1.5", "15"), ("й", "и"), ("हिन्दी", "हिन्दु"), ("ка́к не то", "как то не"), ("J.Smith", "JSmith"), ("กา", "กี")],
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert hashes(one) != hashes(other)


def test_scripts_without_spaces_give_overlapping_pairs_of_letters() -> None:
    assert len(hashes("東京は日本")) == 4
    assert hashes("東京は日本")[1:3] == hashes("京は日")
    assert len(hashes("水")) == 1
    assert len(hashes("第3回 ประเทศไทย")) == 3 + 8


def test_the_headline_is_set_apart_in_digest_and_count_but_not_in_words() -> None:
    split, joined = fingerprint("Ferry sinks", "off Quillport"), fingerprint("Ferry", "sinks off Quillport")
    assert split.words.tolist() == joined.words.tolist()
    assert (split.headline_words, joined.headline_words) == (2, 1)
    assert split.digest != joined.digest


def test_keys_of_this_revision_stay_as_they_are() -> None:
    """If this fails, raise REVISION: stored keys and new ones would no longer meet."""
    text = "QUILLPORT (Wire) - Ada Varrow's ferry sank on Monday, 3 May; 1,500 were saved. Ёлка, αθήνα, مُحمد, 東京都."
    found = fingerprint("Ferry sinks: «no one lost»", text)
    assert module.REVISION == 2
    assert found.digest.hex() == "fd61ae3d06c4e7ddf9632186f90646ba"
    assert zlib.crc32(found.words.astype("<u4").tobytes()) == 0x3E7B28D6
    assert zlib.crc32(found.keys.astype("<i4").tobytes()) == 0xDCCFC3DA


def test_an_empty_text_has_no_words_and_no_keys() -> None:
    empty = fingerprint("", " — ")
    assert len(empty.words) == len(empty.keys) == empty.headline_words == 0


# --- Classes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The mayor met Ada Varrow. She left.", "Ada Varrow"),
        ("Later Mr. Varrow met Gen. Oleander in the U.S. Senate", "Mr Varrow Gen Oleander US Senate"),
        ("NATO met.\nHAVEN (Wire) - an end", "NATO HAVEN Wire"),
        ('He said: "We met Ada," and Bert left. «Non» dit Jean', "Ada Bert Jean"),
        ("STOCKS RISE IN QUILLPORT\nThey did", ""),
        ("they walked to\nQuillport and rest\n\nOleander rose", "Quillport"),
        ("what? No! Yes; Ada", ""),
        ("Όταν η Άννα ήρθε", "Άννα"),
        ("вчера Анна ушла", "Анна"),
    ],
)
def test_names_are_capitalised_words_inside_sentences(text: str, names: str) -> None:
    found = {word >> 2 for word in fingerprint("", text).words.tolist() if word & 3 == NAME}
    assert found == set(hashes(names))


def test_a_headline_in_title_case_has_no_names() -> None:
    assert classes("", "Central Bank Raises Rates With Ease") == [PLAIN] * 6
    assert classes("", "Central Bank of Quillport raises rates") == [PLAIN, NAME, PLAIN, NAME, PLAIN, PLAIN]


def test_words_that_start_with_a_digit_are_numbers() -> None:
    assert classes("at 5bn or 1,500 on 2nd a5 ٣٤") == [PLAIN, NUMBER, PLAIN, NUMBER, PLAIN, NUMBER, PLAIN, NUMBER]


@pytest.mark.parametrize("word", CALENDAR.split())
def test_calendar_words_are_found_in_any_case(word: str) -> None:
    assert classes(f"on {word}, {word.title()} or {word.upper()}")[1::2] == [CALENDAR_WORD, PLAIN]
    assert classes(f"on {word} {word.title()} {word.upper()}")[1:] == [CALENDAR_WORD] * 3


@pytest.mark.parametrize("word", CALENDAR_CAPITALISED.split())
def test_calendar_words_that_mean_something_else_count_only_with_a_capital(word: str) -> None:
    assert classes(f"it {word} {word.title()} 5")[1:] == [PLAIN, CALENDAR_WORD, NUMBER]


# --- The reference ------------------------------------------------------------------------------------------------

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u1aaf\u2e80-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff\U0001aff0-\U0001b16f]"
)
SPELLED = (
    dict(zip("łøđðħıŧɑɡавекмнорстухіјѕһԁԛԝёѐѝ", "loddhitagabekmhopctyxijshdqweeи", strict=True))
    | dict(zip("αβεζηικμνορτυχ", "abezhikmvoptyx", strict=True))
    | dict(zip("آأإٱىیېےکڪ", "ااااييييكك", strict=True))
    | {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
)
KINDS = {
    **dict.fromkeys("\t\r", "s"),
    **dict.fromkeys("\n\x0b\x0c\x85\u2028\u2029", "n"),
    **dict.fromkeys("!?¡¿‽;؟۔।॥።፧។៕。", "!"),
    **dict.fromkeys(".٫", "."),
    **dict.fromkeys(",٬", ","),
    **dict.fromkeys("\"'„‚「」『』〝〞〟«»‹›‘’“”‛‟⸂⸃⸄⸅⸉⸊⸌⸍⸜⸝⸠⸡", "q"),
    **dict.fromkeys("ʹʺʻʼʽʾʿˈˊˋꞋꞌߴߵ", "x"),
    **dict.fromkeys("ـ\u034f\u180b\u180c\u180d", "-"),
}


def kind_of(char: str) -> str:
    """L letter, D digit, U unspaced, - skipped, s space, n newline, ! stop, q quote, x other separator, and . and ,"""
    if char in KINDS:
        return KINDS[char]
    category, combining, code = unicodedata.category(char), unicodedata.combining(char), ord(char)
    if 0x20000 <= code < 0x40000:
        return "U"
    if code >= 0x40000:
        return "-" if 0xE0000 <= code < 0xE1000 else "x"
    if category in ("Cf", "Me"):
        return "-"
    if category[0] in "LM" or category in ("Nl", "No"):
        if combining == 1 or 10 <= combining <= 36 or combining >= 200 or 0xFE00 <= code <= 0xFE0F:
            return "-"
        return "U" if UNSPACED.match(char) else "L"
    return {"Nd": "D", "Zs": "s"}.get(category, "x")


def spelled(char: str) -> str:
    if unicodedata.category(char) == "Nd":
        return str(unicodedata.decimal(char))
    base = unicodedata.normalize("NFD", char)[0]
    char = base if base < "\u0400" else char
    folded = char.casefold() if len(char.casefold()) == 1 else char.lower()[0]
    return SPELLED.get(folded, folded)


def mix(h: int) -> int:
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9 & MASK
    h = (h ^ h >> 27) * 0x94D049BB133111EB & MASK
    return h ^ h >> 31


def word_hash(word: str) -> int:
    h = int(module._engine(module.DEFAULT_SEED)._seed)
    for char in word:
        h = (h ^ ord(char)) * 0x100000001B3 & MASK
    return mix(h) >> 34


TOKEN = re.compile(r"(?P<word>(?:(?<![LD])L\.(?=L(?![LD]))|D[.,](?=D)|[LD])+)|U+|.")
DATES = {word_hash("".join(map(spelled, word))) for word in CALENDAR.split()}
CAPITALISED_DATES = {word_hash(word) for word in CALENDAR_CAPITALISED.split()}


def class_of(original: str, hashed: int, opening: bool) -> int:
    letters = [c for c in original if kind_of(c) in "LD"]
    upper = unicodedata.category(letters[0]) in ("Lu", "Lt")
    if hashed in DATES or (upper and hashed in CAPITALISED_DATES):
        return CALENDAR_WORD
    if kind_of(letters[0]) == "D":
        return NUMBER
    capitals = len(letters) > 1 and not any(unicodedata.category(c) == "Ll" for c in letters)
    return NAME if upper and (capitals or not opening) else PLAIN


def folded(part: str, kinds: str) -> str:
    """A word without its commas and the points of its initials."""
    pieces = zip(part, kinds, " " + kinds, strict=False)
    return "".join(spelled(c) if kind in "LD" else "." * (kind == "." and before == "D") for c, kind, before in pieces)


def is_upper(char: str) -> bool:
    return unicodedata.category(char) in ("Lu", "Lt")


def is_lower(char: str) -> bool:
    return unicodedata.category(char) == "Ll"


def reference(headline: str, body: str) -> list[int]:
    headline, body = readable(headline), readable(body)
    text = f"{headline}\n{body}\n"
    kinds = "".join(map(kind_of, text))
    words: list[tuple[int, int]] = []
    before, opening, short = "n", True, False
    lower = long_lower = False
    line = 0
    for match in TOKEN.finditer(kinds):
        part, kind = text[match.start() : match.end()], match[0][0]
        if match["word"]:
            hashed = word_hash(folded(part, match[0]))
            words.append((hashed, class_of(part, hashed, opening)))
            length = sum(k in "LD" for k in match[0])
            lower |= any(map(is_lower, part))
            long_lower |= length > 4 and is_lower(part[0])
            short, opening = is_upper(part[0]) and length < 4, False
        elif kind == "U":
            runs = [a + b for a, b in pairwise(part)] or [part]
            words += [(word_hash("".join(map(spelled, run))), PLAIN) for run in runs]
            opening = short = False
        elif kind == "n":
            boundary = match.start() == len(headline)
            opening |= not lower or boundary
            if not lower or (boundary and not long_lower):
                words[line:] = [(h, PLAIN if c == NAME else c) for h, c in words[line:]]
            line, lower = len(words), False
        else:
            opening |= kind == "!" or (kind == "." and not short)
            opening |= (kind == "q" and before in "sn") or (kind == "s" and before == "n")
        before = match[0][-1]
    return [h << 2 | c for h, c in words]


def readable(text: str) -> str:
    if not unicodedata.is_normalized("NFKC", text):
        glue = {c: f" {c} " for c in "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"} | {"™": " ", "℠": " "}
        text = unicodedata.normalize("NFKC", "".join(glue.get(c, c) for c in text))
    return "".join(c for c in text if kind_of(c) != "-")


TRICKY = "aA bB.,.,1 2'\"\n\n!?-—ßÆéÉÄäжЖёσςΣΑαمحُ٣٬٫一二かカがไก์한हि\u0301\u200b\u00adÏ½™ﬁ²ǅıİKΩ"
texts = st.text(st.one_of(st.sampled_from(TRICKY), st.characters(exclude_categories=["Cs"])), max_size=60)


@unhurried
@given(texts, texts)
def test_words_are_those_of_the_slow_reference(headline: str, body: str) -> None:
    assert fingerprint(headline, body).words.tolist() == reference(headline, body)


def test_every_character_is_read_as_by_the_slow_reference() -> None:
    planes = [*range(0xD800), *range(0xE000, 0x20000), *range(0x20000, 0x110000, 997)]
    text = " a".join(map(chr, planes))
    assert fingerprint("", text).words.tolist() == reference("", text)


# --- Laws ---------------------------------------------------------------------------------------------------------

latin = st.text(st.sampled_from("abc ABC .,!?\n 12éÉ’'-"), max_size=80)


@unhurried
@given(texts)
def test_the_form_of_normalisation_does_not_matter(text: str) -> None:
    forms = [fingerprint("", unicodedata.normalize(form, text)) for form in ("NFC", "NFD")]
    assert same(*forms)


@unhurried
@given(latin)
def test_case_quotes_and_dashes_do_not_change_the_words(text: str) -> None:
    expected = hashes(text)
    assert hashes(text.upper()) == hashes(text.lower()) == expected
    assert hashes(text.replace("'", "’").replace("-", "—")) == expected


@unhurried
@given(texts, st.integers(0, 60))
def test_invisible_characters_change_nothing(text: str, at: int) -> None:
    text = unicodedata.normalize("NFKC", text)
    assert same(fingerprint("", text[:at] + "\u200b\u2060" + text[at:]), fingerprint("", text))


@unhurried
@given(texts, texts)
def test_words_of_two_paragraphs_are_those_of_each(one: str, other: str) -> None:
    assert hashes(f"{one}\n\n{other}") == hashes(one) + hashes(other)
    assert hashes(other, headline=one) == hashes(one) + hashes(other)


@unhurried
@given(texts, texts)
def test_digests_are_equal_exactly_if_headline_and_body_have_the_same_words(one: str, other: str) -> None:
    a, b = fingerprint(one, other), fingerprint(other, one)
    assert (a.digest == b.digest) == (hashes(one) == hashes(other))


def test_the_order_of_words_matters_but_not_their_class_or_place() -> None:
    words = " ".join(f"w{i}" for i in range(40))
    turned = " ".join(f"w{i}" for i in reversed(range(40)))
    assert not set(fingerprint("", words).keys.tolist()) & set(fingerprint("", turned).keys.tolist())
    assert fingerprint("", words).keys.tolist() == fingerprint("", words.upper()).keys.tolist()
    assert fingerprint("", words).keys.tolist() == fingerprint("w0 w1", words[6:]).keys.tolist()


def test_another_seed_gives_other_words_other_keys_and_another_version() -> None:
    text = " ".join(f"w{i}" for i in range(60))
    one, other = fingerprint("", text), fingerprint("", text, seed=7)
    assert one.digest == other.digest
    assert not set((one.words >> 2).tolist()) & set((other.words >> 2).tolist())
    assert not set(one.keys.tolist()) & set(other.keys.tolist())
    assert module.index_version() == module.INDEX_VERSION != module.index_version(7)
    assert "20240229" not in module.INDEX_VERSION


# --- Shingles, MinHash, keys --------------------------------------------------------------------------------------


def numbered(count: int, start: int = 0) -> str:
    return " ".join(f"w{i}" for i in range(start, start + count))


@unhurried
@given(st.lists(st.integers(0, 2**32 - 1), max_size=30), st.integers(1, 6))
def test_shingle_hashes_depend_on_the_hashes_of_their_words_alone(words: list[int], size: int) -> None:
    expected = []
    for i in range(len(words) - size + 1):
        h = 0
        for word in words[i : i + size]:
            h = (h + (word >> 2)) * 0x9E3779B97F4A7C15 & MASK
        expected.append(mix(h))
    assert shingles(np.array(words, np.uint32), size).tolist() == expected


@unhurried
@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.integers(0, 2**32 - 1))
def test_the_signature_is_bit_for_bit_that_of_datasketch(values: list[int], seed: int) -> None:
    reference = MinHash(num_perm=128, scheme="affine32", seed=seed, hashfunc=lambda value: value >> 32)
    reference.update_batch(values)
    assert signature(np.array(values, np.uint64), seed).tolist() == reference.hashvalues.tolist()


@pytest.mark.parametrize("words", [SHORT, 40, 130, 300, 1000, 50_000, 300_000])
@pytest.mark.parametrize("copies", [1, 40])
def test_the_sample_is_the_lowest_hashes_enough_of_them_and_not_too_many(words: int, copies: int) -> None:
    found = fingerprint("", " ".join([numbered(words // copies)] * copies))
    hashes = sorted(set(shingles(found.words).tolist()))
    samples = [[h for h in hashes if h >> 64 - level == 0] for level in range(20)]
    level = next(at for at in range(module.COARSEST, 20) if len(samples[at]) <= module.MOST)
    sample = samples[level] if len(samples[level]) >= module.TARGET else hashes[: module.TARGET]
    assert found.keys[found.keys >= 0].tolist() == sorted({h & 0x7FFFFFFF for h in sample})


@unhurried
@given(st.integers(0, 500), st.integers(0, 500), st.integers(SHORT, 400))
def test_texts_keep_the_same_shingles_of_what_they_share(before: int, after: int, shared: int) -> None:
    """The lower of two bounds holds for both: under it, no shingle in common is in one sample only."""
    passage = numbered(shared)
    texts = (f"{numbered(before, 1000)} {passage}", f"{passage} {numbered(after, 2000)}")
    prints = [fingerprint("", text) for text in texts]
    hashes = [set(shingles(one.words).tolist()) for one in prints]
    samples = [{h for h in own if h & 0x7FFFFFFF in one.keys} for own, one in zip(hashes, prints, strict=True)]
    bound = min(max(sample) for sample in samples)
    assert samples[0] & samples[1] == {h for h in hashes[0] & hashes[1] if h <= bound}


def test_a_passage_in_a_long_text_shares_the_long_text_s_sample_of_it() -> None:
    passage, long = fingerprint("", numbered(60)), fingerprint("", numbered(2000))
    shared = set(passage.keys[passage.keys >= 0].tolist()) & set(long.keys.tolist())
    sampled = {h & 0x7FFFFFFF for h in shingles(passage.words).tolist() if h >> 64 - module.COARSEST == 0}
    assert shared == sampled


def test_keys_are_distinct_and_ascending() -> None:
    keys = fingerprint("", numbered(50) + " " + numbered(50)).keys
    assert keys.dtype == np.int32
    assert (np.diff(keys.astype(np.int64)) > 0).all()


@pytest.mark.parametrize("words", [0, 1, SHORT - 1, SHORT, 60, 900])
def test_keys_can_be_made_again_from_stored_words(words: int) -> None:
    found = fingerprint("", numbered(words))
    stored = np.frombuffer(found.words.tobytes(), np.uint32)
    assert index_keys(stored).tolist() == found.keys.tolist()
    assert shingles(stored).tolist() == shingles(found.words).tolist()


def test_band_keys_are_shared_where_rows_of_the_signature_agree() -> None:
    one, other = (fingerprint("", text) for text in (numbered(40), numbered(38)))
    rows = [
        signature(shingles(f.words, module.BAND_SHINGLE)).reshape(-1)[: BANDS * module.ROWS].reshape(BANDS, -1)
        for f in (one, other)
    ]
    agreeing = int((rows[0] == rows[1]).all(axis=1).sum())
    shared = np.intersect1d(one.keys[one.keys < 0], other.keys[other.keys < 0])
    assert 0 < agreeing == len(shared) < BANDS


def test_a_text_too_short_for_shingles_has_one_key_that_only_its_equals_share() -> None:
    short = fingerprint("Ferry sinks off Quillport", "No one was hurt")
    assert len(short.keys) == 1
    assert short.keys[0] < 0
    assert short.keys.tolist() == fingerprint("FERRY sinks off Quillport", "No one was hurt.").keys.tolist()
    assert short.keys.tolist() != fingerprint("Ferry sinks off Quillport", "No two were hurt").keys.tolist()
    assert not set(short.keys.tolist()) & set(fingerprint("Ferry sinks off Quillport", numbered(30)).keys.tolist())


# --- Bounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit", ["a", "a.", "1,", "\u200b", "a\u200b.", "字", " ", "\n", "'", "e\u0301", "W x\n", "\ud800"]
)
def test_a_text_of_a_million_characters_is_no_trouble(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    fingerprint("", "warm up the compiler")
    started = time.perf_counter()
    fingerprint(text[:1000], text)
    assert time.perf_counter() - started < 3


def test_importing_the_module_does_not_load_the_compiler() -> None:
    code = "import sys, worker.core.fingerprint; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
