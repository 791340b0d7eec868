from time import perf_counter

import numpy as np
import pytest
import regex
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from spacy_segment import splitting
from spacy_segment.align import (
    boundaries_of,
    move_to_tokens,
    next_text,
    reference_doc,
    same_place,
    sent_start_offsets,
    text_length,
    text_of,
)
from spacy_segment.splitting import split_tokens
from spacy_segment.types import Boundaries, PieceStates

NLP = spacy.blank("xx")
WORDS = st.sampled_from(["a", "Ab", "x.y", "。", "私は", "?", " ", "\n", "\n\n", "  ", "é", "ก็"])


def boundaries(offsets, logits=None):
    return Boundaries(np.asarray(offsets, dtype=np.int64), np.asarray(logits or [1.0] * len(offsets)))


@given(st.lists(WORDS))
def test_text_length_is_that_of_the_text(words):
    text = "".join(words)
    assert text_length(NLP(text)) == len(text)


def test_next_text_moves_to_the_first_character_that_is_not_space():
    assert next_text("ab  cd \n", [0, 2, 3, 7]).tolist() == [0, 4]


@pytest.mark.parametrize("offsets", [[-1], [3, 2], [9]])
def test_next_text_rejects_offsets_outside_or_descending(offsets):
    with pytest.raises(ValueError, match="SEG100"):
        next_text("ab cd", offsets)


def test_reference_doc_splits_a_token_where_a_sentence_starts_inside_it():
    doc = reference_doc(NLP.tokenizer, "shop?there I go", [0, 5])
    assert [sent.text for sent in doc.sents] == ["shop?", "there I go"]
    assert doc.text == "shop?there I go"


def test_reference_doc_sets_every_token():
    doc = reference_doc(NLP.tokenizer, "One. Two.", [0, 5])
    assert [token.is_sent_start for token in doc] == [True, False, True, False]


@given(st.lists(WORDS, max_size=30), st.data())
def test_reference_doc_keeps_text_and_starts(words, data):
    text = "".join(words)
    starts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    doc = reference_doc(NLP.tokenizer, text, starts)
    assert doc.text == text
    expected = next_text(text, starts).tolist()
    first = next_text(text, [0]).tolist()
    assert sent_start_offsets(doc).tolist() == sorted({*first, *expected})


def test_sent_start_offsets_of_an_empty_doc_and_of_white_space():
    assert sent_start_offsets(NLP("")).tolist() == []
    assert sent_start_offsets(NLP(" \n ")).tolist() == []


def test_boundaries_of_pools_pieces_of_one_character_by_maximum():
    logits = np.asarray([[1.0], [5.0], [2.0], [9.0]])
    found = boundaries_of(PieceStates(logits, np.asarray([0, 3, 3, 6]), np.asarray([2, 4, 4, 8])))
    assert found.offsets.tolist() == [3, 6]
    assert found.logits.tolist() == [1.0, 5.0]


def test_boundaries_of_nothing():
    empty = PieceStates(np.zeros((0, 1)), np.zeros(0, dtype=int), np.zeros(0, dtype=int))
    assert len(boundaries_of(empty).offsets) == 0


def test_move_to_tokens_goes_on_to_the_next_token_with_text():
    doc = NLP("unhappy \n next")
    moved = move_to_tokens(doc, boundaries([2, 8, 10], [1.0, 3.0, 2.0]), split=False)
    assert moved.offsets.tolist() == [10]
    assert moved.logits.tolist() == [3.0]


def test_move_to_tokens_drops_what_has_no_token_after_it():
    assert len(move_to_tokens(NLP("unhappy"), boundaries([2]), split=False).offsets) == 0


@pytest.mark.parametrize(("split", "expected"), [("auto", [3]), (True, [3]), (False, [])])
def test_move_to_tokens_splits_scripts_without_spaces(split, expected):
    assert move_to_tokens(NLP("ねこだいぬだ"), boundaries([3]), split=split).offsets.tolist() == expected


@pytest.mark.parametrize(("split", "expected"), [("auto", []), (True, [5]), (False, [])])
def test_move_to_tokens_splits_words_only_when_told_to(split, expected):
    assert move_to_tokens(NLP("shop?there"), boundaries([5]), split=split).offsets.tolist() == expected


@pytest.mark.parametrize("text", ["ก็", "e\u0301e", "👩\u200d👩", "🇩🇪", "👍🏽", "\u1100\u1161"])
def test_move_to_tokens_never_cuts_a_grapheme(text):
    inside = list(range(1, len(text))) if text != "e\u0301e" else [1]
    assert len(move_to_tokens(NLP(text), boundaries(inside), split=True).offsets) == 0


@pytest.mark.parametrize(
    "text", ["\u0915\u094d\u093c\u0937", "\u0915\u094d\u0301\u0937", "\u0915\u093c\u094d\u0937", "\ua98f\ua9c0\ua98f"]
)
def test_issue_marks_between_a_linker_and_its_consonant_were_a_place_to_cut(text):
    assert move_to_tokens(NLP(text), boundaries(range(1, len(text))), split=True).offsets.tolist() == []


def test_what_a_linker_does_not_join_is_cut():
    text = "\u0915\u094d\u200c\u0937 \u0937"  # a zero-width non-joiner, a space
    assert move_to_tokens(NLP(text), boundaries(range(1, len(text))), split=True).offsets.tolist() == [3, 5]


@given(st.text(alphabet="\u0915\u0937\u094d\u093c\u200c\u200d\u0301\u1039\u1000a ", max_size=9))
def test_graphemes_are_those_of_the_standard(text):
    breaks = {match.start() for match in regex.finditer(r"\X", text)}
    moved = move_to_tokens(NLP(text), boundaries(range(1, len(text))), split=True).offsets.tolist()
    assert set(moved) <= breaks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Great! 😀 See", [9]),  # not before the emoji but behind it
        ("Great!😀😂 ❤️ See", [12]),
        ("Great!\n😀 See", [7, 9]),  # it opens a line
        ("Out. 🇩🇪 In", [5, 8]),  # a flag may be a bullet
        ("Out. ✔ In", [5, 7]),  # so may a sign of text
    ],
)
def test_issue_an_emoji_became_a_sentence_or_opened_the_next(text, expected):
    assert move_to_tokens(NLP(text), boundaries(range(5, len(text))), split=False).offsets.tolist() == expected


def test_split_tokens_keeps_the_text():
    doc = NLP("shop?there now")
    split_tokens(doc, np.asarray([5, 11]))
    assert [token.text for token in doc] == ["shop?", "there", "now"]
    assert doc.text == "shop?there now"


def test_split_tokens_more_than_once_and_in_the_middle():
    doc = NLP("go shop?there?now yes?no")
    split_tokens(doc, np.asarray([8, 14, 22]))
    assert [token.text for token in doc] == ["go", "shop?", "there?", "now", "yes?", "no"]
    assert [token.whitespace_ for token in doc] == [" ", "", "", " ", "", ""]


def test_same_place_carries_offsets_over_white_space():
    assert same_place("a b c", "a  b\nc", np.asarray([0, 2, 4])).tolist() == [0, 3, 5]


def test_same_place_rejects_another_text():
    with pytest.raises(ValueError, match=r"SEG400.*'a b' against 'a c'"):
        same_place("a b", "a c", np.asarray([0]))
    with pytest.raises(ValueError, match=f"'{'a' * 40}' against '{'b' * 40}'"):
        same_place("a" * 99, "b" * 99, np.asarray([0]))


@pytest.mark.parametrize("n", [0, 1, 50, 4000])
def test_the_text_of_a_doc_of_any_length(n):
    text = "nsubj  says: \u00bd and\n\n\u200b x" * n
    doc = spacy.blank("en")(text)
    assert text_of(doc) == text == doc.text
    unspaced = Doc(doc.vocab, words=["ein", "an", "Wort"] * n, spaces=[True, False, False] * n)
    assert text_of(unspaced) == unspaced.text


@pytest.mark.parametrize("lang", ["en", "xx"])
def test_many_splits_are_the_same_as_few_at_a_time(lang, monkeypatch):
    text = "Don't do it, can't he?  gonna work at 10a.m. ½\u200b今日は。いぬだ。 " * 8
    rng = np.random.default_rng(0)
    offsets = np.sort(rng.choice(np.arange(1, len(text)), size=80, replace=False))
    docs = []
    for many in (1, 1000):
        monkeypatch.setattr(splitting, "MANY", many)
        doc = spacy.blank(lang)(text)
        doc.user_data["key"], doc._context, doc.cats["a"] = 1, "context", 0.5
        doc[3].is_sent_start = True
        token = doc[5]
        known = token.text, token.norm_
        split_tokens(doc, offsets)
        assert (token.text, token.norm_) == known or many == 1000
        docs.append(doc)
    anew, retokenized = docs
    assert len(anew) > len(spacy.blank(lang)(text)) + 20
    for name in ("text_with_ws", "norm_", "idx", "ent_iob_"):
        assert [getattr(token, name) for token in anew] == [getattr(token, name) for token in retokenized]
    assert anew.text == text
    assert (anew.user_data, anew._context, anew.cats) == ({"key": 1}, "context", {"a": 0.5})
    assert anew.has_unknown_spaces == retokenized.has_unknown_spaces
    assert DocBin(docs=[anew]).to_bytes()


def test_what_tokens_carry_is_not_lost_by_many_splits():
    doc = spacy.blank("xx")("ねこだいぬだ " * 40)
    doc.ents = [Span(doc, 0, 1, label="ANIMAL")]
    split_tokens(doc, np.arange(40) * 7 + 3)
    assert len(doc) == 80
    assert [ent.text for ent in doc.ents] == ["ねこだいぬだ"]


def test_a_long_text_without_spaces_is_split_in_time_that_grows_with_it():
    nlp = spacy.blank("xx")
    seconds = []
    for n in (2000, 8000):
        doc = nlp("ねこだいぬだ " * n)
        start = perf_counter()
        split_tokens(doc, np.arange(n) * 7 + 3)
        seconds.append(perf_counter() - start)
        assert len(doc) == 2 * n
    assert seconds[1] < 10 * max(seconds[0], 0.05)


@pytest.mark.parametrize("n_sentences", [2, 40])
def test_issue_span_groups_moved_when_tokens_were_split(n_sentences):
    nlp = spacy.blank("xx")
    doc = nlp("今天下雨。" * n_sentences + "走 Google 很大")
    spans = [Span(doc, 1, 2, label="ORG", kb_id="Q95", span_id="G"), Span(doc, 0, 2, label="ALL")]
    probs = np.asarray([1.0, 0.25, 0.5], dtype=np.float32)
    doc.spans["found"] = SpanGroup(doc, name="named", spans=spans, attrs={"boundary_probs": probs, "more": 1})
    split_tokens(doc, np.arange(5, 5 * n_sentences + 1, 5))
    assert len(doc) == n_sentences + 3
    group = doc.spans["found"]
    assert [(span.text, span.label_) for span in group] == [
        ("Google", "ORG"),
        ("今天下雨。" * n_sentences + "走 Google", "ALL"),
    ]
    assert (group[0].kb_id_, group[0].id_, group.name, group.attrs["more"]) == ("Q95", "G", "named", 1)
    assert group.attrs["boundary_probs"][[0, -2, -1]].tolist() == [1.0, 0.25, 0.5]
    assert len(group.attrs["boundary_probs"]) == len(doc)


def test_issue_a_vector_of_the_user_was_lost_when_many_tokens_were_split():
    doc = spacy.blank("xx")("今天下雨。" * 40)
    doc.vector = np.ones(5, dtype=np.float32)
    split_tokens(doc, np.arange(5, 200, 5))
    assert doc.vector.tolist() == [1.0] * 5
