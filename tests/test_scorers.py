import pytest
import spacy
from conftest import make_examples
from spacy.training import Example

from spacy_segment.align import reference_doc
from spacy_segment.metrics import PRF, count
from spacy_segment.scorers import CONDITION, CORPUS, make_topic_scorer, sentence_score

NLP = spacy.blank("xx")
TEXT = "One two. Three four. Five."


def example(predicted_starts, corpus=None, condition=None):
    reference = reference_doc(NLP.tokenizer, TEXT, [0, 9, 21])
    reference.user_data.update({k: v for k, v in ((CORPUS, corpus), (CONDITION, condition)) if v})
    return Example(reference_doc(NLP.tokenizer, TEXT, predicted_starts), reference)


def test_count_and_prf():
    total = count([1, 2, 3], [2, 3, 4, 5]) + count([], [])
    assert total == PRF(tp=2, fp=2, fn=1)
    assert (total.precision, total.recall) == (0.5, pytest.approx(2 / 3))
    assert total.fscore == pytest.approx(4 / 7)
    assert PRF().fscore == 1.0


def test_sentence_score_counts_inner_boundaries_and_exact_sentences():
    scores = sentence_score([example([0, 9])])
    assert (scores["sents_boundary_p"], scores["sents_boundary_r"]) == (1.0, 0.5)
    assert scores["sents_boundary_f"] == pytest.approx(2 / 3)
    assert scores["sents_f"] == pytest.approx(2 * 1 / (3 + 2))
    assert "sents_per_type" not in scores


def test_sentence_score_macro_over_conditions_and_corpora():
    scores = sentence_score(
        [example([0, 9, 21], "a", "clean"), example([0], "b", "clean"), example([0, 9], "a", "flat")]
    )
    assert scores["sents_boundary_f_per_condition"] == {"clean": 0.5, "flat": pytest.approx(2 / 3)}
    assert scores["sents_boundary_macro_f"] == pytest.approx((0.5 + 2 / 3) / 2)
    assert scores["sents_boundary_f_per_corpus"]["a flat"]["r"] == 0.5


def test_sentence_score_without_gold():
    scores = sentence_score([Example(NLP("One."), NLP("One."))])
    assert scores["sents_boundary_f"] is None
    assert scores["sents_f"] is None


def test_sentence_score_of_nothing_found_is_zero():
    scores = sentence_score([Example(NLP.make_doc(eg.text), eg.reference) for eg in make_examples(NLP)])
    assert scores["sents_boundary_f"] == 0.0


@pytest.mark.parametrize("settings", [{"k": 0}, {"tolerance": -1}])
def test_conventions_that_cannot_be_are_named(settings):
    with pytest.raises(ValueError, match=f"SEG200.*{next(iter(settings))}"):
        make_topic_scorer(**settings)


def test_issue_offsets_of_texts_that_differ_in_white_space_were_compared():
    reference = reference_doc(NLP.tokenizer, TEXT, [0, 9, 21])
    predicted = reference_doc(NLP.tokenizer, TEXT.replace(" Three", "  Three"), [0, 10, 22])
    assert sentence_score([Example(predicted, reference)])["sents_boundary_f"] == 1.0
