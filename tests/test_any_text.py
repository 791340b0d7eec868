"""What holds on any text: properties, and named strings of Unicode in several languages' tokenizers."""

import numpy as np
import pytest
import regex
import spacy
from conftest import TEXTS, make_tiny, make_topics
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Span
from spacy.util import filter_spans

PIECES = [
    "word", "Ab.", "x?y", "。", "私は猫", "ไป", "\n", "\r\n", "\n\n", " ", "\t", "e\u0301", "👩\u200d👩\u200d👧", "🇩🇪🇫🇷",
    "\ufeff", "\u202e", "\x00", "\u2028", "ﷺ", "½", "a" * 300, "#", "((", "\u200b", "؟", "।", "각", "क्षि", "\u0600", "👍🏽",
]  # fmt: skip
ANY_TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30).map("".join)
MUCH_TEXT = st.lists(st.sampled_from([s for t in TEXTS for s in t]) | ANY_TEXT, max_size=8).map(" ".join)
# Stops of many scripts, as one sentence each.
STOPS = "。｡．۔।؟.!?…"

NAMED = {
    "nothing": "",
    "a space": " ",
    "many spaces": "   \t ",
    "a newline": "\n",
    "blank lines": "\n\n\n\n",
    "NUL": "a\x00b. \x00C",
    "only NUL": "\x00",
    "byte order mark": "\ufeffIt rained. \ufeffWe left.",
    "right-to-left override": "abc. \u202edef. \u202cghi.",
    "isolates": "\u2066abc\u2069. \u2067שלום\u2069.",
    "Hebrew": "הספר על השולחן. איפה החתול?",
    "Arabic": "وصل القطار متأخرا. هل انتظرت؟ نعم.",
    "stacked marks": "Z\u0351\u036b\u0343\u036a\u0302\u036b. a" + "\u0301" * 50 + ". B",
    "mark at the start": "\u0301abc. \u0301Def.",
    "family": "👩\u200d👩\u200d👧\u200d👦 came. 👨\u200d👩\u200d👧 left.",
    "skin tones": "👍🏽👍🏿. 👋🏻 Hello.",
    "flags": "🇩🇪🇫🇷🇯🇵. 🇧🇷 won.",
    "half a flag": "🇩. 🇫🇷🇯 Next.",
    "keycaps": "1️⃣ One. 2️⃣ Two.",
    "tag flag": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f scored. Yes.",
    "CR LF": "One.\r\nTwo.\r\n\r\nThree.",
    "CR": "One.\rTwo.",
    "NEL": "One.\x85Two.",
    "LS and PS": "One.\u2028Two.\u2029Three.",
    "VT and FF": "One.\x0bTwo.\x0cThree.",
    "no-break spaces": "One.\u00a0Two.\u202fThree.\u2007Four.",
    "zero width": "One.\u200bTwo.\u200cThree.\u200dFour.\u2060Five.",
    "not a character": "One.\ufffe Two.\uffff Three.",
    "replacement": "One.\ufffd Two.",
    "private use": "\ue000\ue001. \U000f0000. \U0010ffff",
    "unassigned": "a\u0378b. \U0003ffff Two.",
    "composed": "Café. Élan.",
    "decomposed": "Cafe\u0301. E\u0301lan.",
    "Thai": "ฉันไปตลาดแล้วเขากลับบ้านฝนตกหนักมาก",
    "Thai and Lao vowels of two parts": "0ำ1ำ. นำ้. ນຳ.",
    "Khmer": "ខ្ញុំទៅផ្សារ។ គាត់ទៅផ្ទះវិញ។",
    "Hangul jamo": "\u1112\u1161\u11ab\u1100\u1173\u11af. \u1112\u1161\u11ab. 한글입니다.",
    "Devanagari": "दुकान खुलती है। क्षत्रिय आए।",
    "Tibetan": "བཀྲ་ཤིས་བདེ་ལེགས། ང་རང་འགྲོ་གི་ཡིན།",
    "stops of all scripts": "".join(f"ab{stop}" for stop in STOPS),
    "Chinese": "商店早上九点开门。今天人很多。我们什么也没买。",
    "full width": "ＡＢＣ．ＤＥＦ！ＧＨＩ？",
    "mathematical": "𝐀𝐁. 𝟏𝟐. 𝔸",
    "ligatures and case": "ﬁn. ŉ. ǅ. İstanbul. ẞ. ΑΣ. ﷺ.",
    "one long token": "x" * 100_000,
    "one long token with stops": "ab。" * 3_000,
    "dots": "." * 500,
}  # fmt: skip
LANGUAGES = ["xx", "en", "de", "fr", "ar", "hi", "tr"]


def both(lang, source):
    """Both components, shared, behind the tokenizer of a language."""
    nlp = spacy.blank(lang)
    for name in source.pipe_names:
        nlp.add_pipe(name, source=source)
    return nlp


@pytest.fixture(scope="module")
def nlps():
    spacy.util.fix_random_seed(0)
    tiny = make_tiny(threshold=0.2)
    tiny.add_pipe("topic_segmenter", source=make_topics("xx"))
    return {lang: both(lang, tiny) for lang in LANGUAGES}


@pytest.fixture(scope="module")
def nlp(nlps):
    return nlps["xx"]


@pytest.fixture(scope="module")
def keen(trained):
    """Every second candidate of the trained model is a boundary."""
    nlp = make_tiny().from_bytes(trained.to_bytes())
    nlp.get_pipe("sentence_segmenter").cfg["threshold"] = 0.001
    return nlp


def starts(doc):
    return [token.idx for token in doc if token.is_sent_start]


def configured(nlp, **settings):
    """A second component on the same model."""
    pipe = nlp.get_pipe("sentence_segmenter")
    known = {k: v for k, v in pipe.cfg.items() if k != "configured"}
    return type(pipe)(nlp.vocab, pipe.model, **{**known, **settings})


def grapheme_breaks(text):
    return {match.start() for match in regex.finditer(r"\X", text)}


def check_sentences(doc, text):
    """All that has to hold of sentences."""
    assert doc.text == text
    if not len(doc):
        return
    assert "".join(sent.text_with_ws for sent in doc.sents) == text
    assert doc[0].is_sent_start
    assert all(token.is_sent_start is not None for token in doc)
    breaks = grapheme_breaks(text)
    for token in doc[1:]:
        if token.is_sent_start:
            assert not token.is_space
            assert text[token.idx - 1 : token.idx + 1] != "\r\n"
            assert token.idx in breaks, (token.idx, text[max(0, token.idx - 3) : token.idx + 3])


def check_topics(doc):
    spans = list(doc.spans["topics"])
    assert [span.end for span in spans[:-1]] == [span.start for span in spans[1:]]
    assert (spans[0].start, spans[-1].end) == (0, len(doc)) if len(doc) else not spans
    assert all(span.start == 0 or doc[span.start].is_sent_start for span in spans)
    assert all(len(span) for span in spans)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", NAMED)
def test_named_strings(nlps, lang, name):
    doc = nlps[lang](NAMED[name])
    check_sentences(doc, NAMED[name])
    check_topics(doc)


def test_named_strings_are_forty_and_the_languages_six():
    assert len(NAMED) >= 40
    assert len(set(NAMED.values())) == len(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_named_strings_that_are_cut_wherever_they_can_be(keen, name):
    for settings in ({}, {"split_tokens": True}, {"max_length": 1}, {"newlines": "hard"}):
        doc = configured(keen, threshold=1e-9, **settings)(keen.make_doc(NAMED[name]))
        check_sentences(doc, NAMED[name])


@pytest.mark.parametrize("sign", ["\U00010d4a", "\u0378", "\U0003ffff"])
def test_signs_that_the_tokenizer_does_not_know_are_not_lost(sign):
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentence_segmenter")
    text = f"It rained all night. {sign} We left early. Nobody came {sign}"
    doc = nlp(text)
    check_sentences(doc, text)
    assert all(text[start] != sign for start in starts(doc))
    assert len(list(doc.sents)) > 1
    check_sentences(nlp(f"{sign} {sign}"), f"{sign} {sign}")


def test_named_strings_in_one_batch_and_alone(nlp):
    texts = [text for text in NAMED.values() if len(text) < 5000]
    together = [starts(doc) for doc in nlp.pipe(texts)]
    assert together == [starts(nlp(text)) for text in texts]
    assert [starts(doc) for doc in nlp.pipe([""] * 5)] == [[]] * 5


@given(MUCH_TEXT)
def test_sentences_of_any_text(keen, text):
    check_sentences(keen(text), text)


@given(MUCH_TEXT)
def test_topics_of_any_text(nlp, text):
    check_topics(nlp(text))


@given(MUCH_TEXT)
def test_tokens_that_are_not_split_stay_as_they_were(keen, text):
    before = keen.make_doc(text)
    doc = configured(keen, split_tokens=False)(keen.make_doc(text))
    assert [(t.idx, t.text, t.whitespace_) for t in doc] == [(t.idx, t.text, t.whitespace_) for t in before]


@given(MUCH_TEXT)
def test_split_tokens_are_parts_of_what_they_were(keen, text):
    before = {token.idx for token in keen.make_doc(text)}
    doc = configured(keen, split_tokens=True)(keen.make_doc(text))
    assert before <= {token.idx for token in doc}
    assert {token.idx for token in doc} - before <= set(starts(doc))


@given(MUCH_TEXT, st.data())
def test_entities_and_other_annotation_stay(keen, text, data):
    doc = keen.make_doc(text)
    if not len(doc):
        return
    edges = data.draw(st.lists(st.integers(0, len(doc) - 1), min_size=2, max_size=6))
    spans = [Span(doc, a, b, label="X") for a, b in zip(sorted(edges), sorted(edges)[1:], strict=False) if a < b]
    doc.set_ents(filter_spans(spans))
    doc.spans["other"] = spans
    doc.user_data["mine"] = 1
    before = [(e.start_char, e.end_char, e.label_) for e in doc.ents], [(s.start_char, s.end_char) for s in spans]
    doc = configured(keen, split_tokens=False)(doc)
    assert before[0] == [(e.start_char, e.end_char, e.label_) for e in doc.ents]
    assert before[1] == [(s.start_char, s.end_char) for s in doc.spans["other"]]
    assert doc.user_data["mine"] == 1


@given(MUCH_TEXT)
def test_a_second_run_changes_nothing(nlp, text):
    doc = nlp(text)
    before = starts(doc), [s.start for s in doc.spans["topics"]]
    for name in nlp.pipe_names:
        doc = nlp.get_pipe(name)(doc)
    assert before == (starts(doc), [s.start for s in doc.spans["topics"]])


@given(MUCH_TEXT, st.floats(0.001, 0.5), st.floats(0.5, 0.999))
def test_a_higher_threshold_gives_a_subset(keen, text, low, high):
    few, many = (configured(keen, threshold=t)(keen.make_doc(text)) for t in (high, low))
    assert set(starts(few)) <= set(starts(many))


@given(MUCH_TEXT, st.integers(1, 60), st.sampled_from(["characters", "tokens"]))
def test_max_length_is_kept_where_it_can_be(keen, text, limit, unit):
    doc = configured(keen, threshold=0.5, max_length=limit, length_unit=unit, split_tokens=False)(keen.make_doc(text))
    for sent in doc.sents:
        size = len(sent.text_with_ws) if unit == "characters" else len(sent)
        # A place to cut is a token that a piece starts at, after other text; what is longer has none inside.
        breaks = grapheme_breaks(doc.text)
        inside = [t for t in sent[1:] if not t.is_space and t.idx in breaks and t.text.isalpha()]
        inside = [t for t in inside if text[: t.idx].strip()]
        assert size <= limit or not inside or size <= limit + max(len(t.text_with_ws) for t in sent)


@given(MUCH_TEXT, st.integers(1, 60))
def test_min_length_is_kept_where_it_can_be(keen, text, limit):
    doc = configured(keen, min_length=limit)(keen.make_doc(text))
    assert all(len(sent.text_with_ws) >= limit for sent in doc.sents) or len(text) < limit


@given(MUCH_TEXT, st.lists(st.booleans() | st.none(), max_size=60))
def test_presets_are_kept(keen, text, flags):
    doc = keen.make_doc(text)
    for token, flag in zip(doc[1:], flags, strict=False):
        token.is_sent_start = flag
    wanted = {t.idx: t.is_sent_start for t in doc[1:] if t.is_sent_start is not None}
    for token in doc[1:-1]:  # a start on white space is one of the word behind it
        if token.is_space and wanted.get(token.idx):
            wanted[token.nbor().idx] = True
    doc = configured(keen, split_tokens=False)(doc)
    for token in doc[1:]:
        if token.idx in wanted and not (wanted[token.idx] and token.is_space):
            assert token.is_sent_start == wanted[token.idx]


@given(MUCH_TEXT, st.sampled_from(["hard", "paragraph"]))
def test_newline_policies_cut_at_newlines(keen, text, policy):
    doc = configured(keen, newlines=policy, threshold=0.999)(keen.make_doc(text))
    gap = r"[^\S\n]*\n\s*" if policy == "hard" else r"[^\S\n]*\n[^\S\n]*\n\s*"
    breaks = grapheme_breaks(text)
    tokens = {token.idx for token in doc if not token.is_space} & breaks
    for match in regex.finditer(rf"(?<=\S){gap}(?=\S)", text):
        assert match.end() in starts(doc) or match.end() not in tokens


@given(st.lists(ANY_TEXT, max_size=6))
def test_batches_do_not_matter(keen, texts):
    alone = [starts(keen(text)) for text in texts]
    assert [starts(doc) for doc in keen.pipe(texts, batch_size=2)] == alone


@given(ANY_TEXT, st.integers(1, 6))
def test_a_wanted_number_of_topics(nlp, text, n):
    doc = nlp(text)
    pipe = nlp.get_pipe("topic_segmenter")
    pipe.cfg["n_segments"] = n
    try:
        if n <= len(list(doc.sents)) and len(doc):
            assert len(pipe(doc).spans["topics"]) == n
        elif len(doc):
            with pytest.raises(ValueError, match="SEG221"):
                pipe(doc)
    finally:
        pipe.cfg["n_segments"] = None


def test_store_probs_on_any_token(keen):
    pipe = configured(keen, store_probs=True)
    for text in NAMED.values():
        doc = pipe(keen.make_doc(text))
        if len(doc):
            probs = doc.user_data[("spacy_segment", "boundary_probs")]
            assert probs.shape == (len(doc),)
            assert np.isfinite(probs).all()
            assert ((probs >= 0) & (probs <= 1)).all()
