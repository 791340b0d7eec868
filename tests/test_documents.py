"""How the coherence model reads documents: places, crops, joined texts, what is remembered."""

import pickle
from time import perf_counter

import numpy as np
import pytest
import spacy
import torch
from conftest import make_topic_examples, make_topics
from thinc.api import Model

from spacy_segment.models import units
from spacy_segment.models.documents import N_CUES, flatten, make_part
from spacy_segment.models.memo import Memo
from spacy_segment.models.static import StaticEncoder
from spacy_segment.models.tok2vec import Tok2VecEncoder
from spacy_segment.models.units import blocks
from spacy_segment.models.words import WordCutter
from spacy_segment.topics import Units, find_units, topic_places
from spacy_segment.training.topic_formats import Section, TopicRecord
from spacy_segment.training.topic_readers import make_topic_example
from spacy_segment.types import NEVER, PieceStates, TopicGold


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([0, 0, 2, 1, 2], [1, 0, 1, 0, 1]),
        ([0, 1, 1, 0, 1], [1, 1, 1, 0, 1]),
        ([0, 0, 0, 1, 0, 0], [1] * 6),  # a hard-wrapped text, where a line happens to start with a sentence
        ([0, 2] + [0] * 50, [1] * 52),
        ([0, 0, 0], [1, 1, 1]),
    ],
)
def test_topics_start_at_paragraphs_where_a_text_has_them(gaps, expected):
    n = np.arange(len(gaps))
    assert topic_places(Units(n, n, np.asarray(gaps))).tolist() == [bool(x) for x in expected]


def part_of(crop, rng):
    """Six units of two pieces each; topics start with the first and the fourth."""
    starts = np.arange(6) * 10
    pieces = PieceStates(np.ones((12, 3), "f"), np.arange(12) * 5, np.arange(12) * 5 + 4)
    gold = TopicGold(np.arange(6) % 3 == 0, np.arange(6) % 3 == 0, np.arange(6))
    cues = np.zeros((6, N_CUES), dtype=np.float32)
    units = Units(starts, starts, np.zeros(6, int))
    return make_part("Two words." * 6, units, np.ones(6, bool), cues, pieces, gold, crop, rng)


def test_a_crop_reads_a_run_of_units_and_opens_with_a_boundary():
    for seed in range(20):
        part = part_of(3, np.random.default_rng(seed))
        n = len(part.features)
        assert 1 <= n <= 4
        assert part.gold.boundary[0]
        assert np.bincount(part.unit_of[part.unit_of >= 0]).tolist() == [2] * n
        assert (np.diff(part.gold.labels) == 1).all()
    assert len(part_of(0, np.random.default_rng(0)).features) == 6


def test_joined_texts_are_one_document_with_a_boundary_between():
    parts = [part_of(0, np.random.default_rng(0))] * 3
    run = flatten(parts, joined=np.asarray([False, True, False]), gap=4, device=torch.device("cpu"))
    assert run.docs.tolist() == [0] * 12 + [-1] * 4 + [1] * 6 + [-1] * 4
    assert run.gold["boundary"][6] == 1
    assert run.unit_of.max() == 21


def test_a_memo_has_an_end_and_is_not_copied():
    memo = Memo(largest=10)
    recall = memo.recall
    assert [recall("a", lambda: 1, size=lambda made: 8), recall("b", lambda: 2, size=lambda made: 3)] == [1, 2]
    assert [recall("a", lambda: 3, size=lambda made: 8), recall("b", lambda: 4, size=lambda made: 3)] == [1, 4]
    assert pickle.loads(pickle.dumps(memo)).recall("a", lambda: 5, size=lambda made: 8) == 5


def test_texts_that_come_again_are_not_cut_into_pieces_again(monkeypatch):
    nlp = make_topics()
    examples = make_topic_examples(nlp)
    calls = []
    cut = WordCutter.__call__
    monkeypatch.setattr(WordCutter, "__call__", lambda cutter, text: calls.append(text) or cut(cutter, text))
    for _ in range(3):
        nlp.update(examples)
    assert len(calls) == len(examples)


def test_a_document_in_blocks_gets_the_same_logits(monkeypatch):
    nlp = make_topics()
    pipe = nlp.get_pipe("topic_segmenter")
    doc = nlp.make_doc("\n\n".join(example.text for example in make_topic_examples(nlp) * 3))
    nlp.add_pipe("sentencizer")(doc)
    (whole,) = pipe.predict([doc])
    monkeypatch.setattr(units, "BLOCK", 200)
    (blocks,) = pipe.predict([doc])
    np.testing.assert_allclose(whole.boundary, blocks.boundary, atol=1e-4)
    np.testing.assert_allclose(whole.labels, blocks.labels, atol=1e-4)
    inside = np.asarray(
        [sent.start > 0 and "\n\n" not in doc[sent.start - 1 : sent.start + 1].text for sent in doc.sents]
    )
    assert inside.any()
    assert not inside.all()
    assert (whole.boundary[inside] == NEVER).all()


def test_coarse_examples_tell_the_same_topics():
    nlp = spacy.blank("en")
    text = "It rains. It pours!\n\nBread is baked.\nIt cools."
    record = TopicRecord("a", text, [Section(0, 21, "", "", 1), Section(21, len(text), "", "", 1)])
    fine, coarse = (make_topic_example(nlp, record, "c", "topics", "rule", c).reference for c in (False, True))
    assert [token.text_with_ws for token in coarse] == ["It rains. ", "It pours!\n\n", "Bread is baked.\n", "It cools."]
    assert [s.start_char for s in coarse.spans["topics"]] == [s.start_char for s in fine.spans["topics"]] == [0, 21]


def with_sentencizer(text):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.max_length = 10**7
    return nlp(text)


def test_issue_blocks_of_a_long_doc_took_quadratic_time():
    doc = with_sentencizer("This is one sentence here. " * 100_000)
    units = find_units(doc, "sentences")
    start = perf_counter()
    found = list(blocks(StaticEncoder(pretrained="topics"), doc, units))
    assert perf_counter() - start < 3  # seconds; it took 7
    assert "".join(block.text for block, _, _ in found) == doc.text
    assert [block.text[start : start + 4] for block, _, starts in found for start in starts.tolist()] == [
        "This"
    ] * 100_000


def test_issue_a_shared_encoder_saw_no_blocks(monkeypatch):
    monkeypatch.setattr("spacy_segment.models.units.BLOCK", 100)
    doc = with_sentencizer("The dough rests. " * 50)
    encoder = Tok2VecEncoder(Model("tok2vec", lambda model, docs, is_train: (docs, lambda d: d)))
    ((block, _, _),) = blocks(encoder, doc, find_units(doc, "sentences"))
    assert block is doc
