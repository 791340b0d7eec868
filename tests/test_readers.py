from itertools import islice, pairwise

import pytest
import spacy

from spacy_segment.align import sent_start_offsets
from spacy_segment.scorers import CORPUS
from spacy_segment.training.augmenters import conditions
from spacy_segment.training.readers import MixedCorpus, SentenceCorpus, batch_by_bytes
from spacy_segment.training.vocabulary import train_vocabulary

NLP = spacy.blank("xx")
LINES = [f"Sentence number {i} is here." for i in range(40)]


@pytest.fixture
def folder(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.train.txt").write_text("\n".join(f"{name} {line}" for line in LINES))
    return tmp_path


def sentences(example):
    return [sent.text.strip() for sent in example.reference.sents]


def test_sentence_corpus_reads_all_documents_in_order(folder):
    one, two = SentenceCorpus(str(folder))(NLP)
    assert sentences(one) == [f"one {line}" for line in LINES]
    assert one.reference.user_data[CORPUS] == "one/one"
    assert two.reference.user_data[CORPUS] == "two/two"
    assert one.predicted.text == one.reference.text
    assert not one.predicted.has_annotation("SENT_START")


def test_sentence_corpus_cuts_at_sentence_starts_and_loses_nothing(folder):
    parts = list(SentenceCorpus(str(folder / "one"), max_chars=100)(NLP))
    assert all(len(part.text) <= 100 for part in parts)
    assert [s for part in parts for s in sentences(part)] == [f"one {line}" for line in LINES]


def test_sentence_corpus_keeps_a_sentence_that_is_too_long_whole(folder):
    parts = list(SentenceCorpus(str(folder / "one"), max_chars=5)(NLP))
    assert [s for part in parts for s in sentences(part)] == [f"one {line}" for line in LINES]


def test_sentence_corpus_limit_and_augmenter(folder):
    examples = list(SentenceCorpus(str(folder), conditions(), limit_chars=70)(NLP))
    assert len(examples) == 6
    assert examples[2].text.startswith("one sentence number 0 is here")


def test_mixed_corpus_is_endless_repeats_with_its_seed_and_gives_true_sentences(folder):
    runs = [list(islice(MixedCorpus(str(folder), [30, 200], seed=5)(NLP), 300)) for _ in range(2)]
    assert [e.text for e in runs[0]] == [e.text for e in runs[1]]
    known = {f"{name} {line}" for name in ("one", "two") for line in LINES}
    whole = [s for e in runs[0] for s in sentences(e)[1:-1]]
    assert len(whole) > 100
    assert sum(s in known for s in whole) / len(whole) > 0.9  # the others are halves around a join
    assert {e.reference.user_data[CORPUS] for e in runs[0]} == {"one/one", "two/two"}
    assert all(not e.text[: sent_start_offsets(e.reference)[0]].strip() for e in runs[0])


def test_shuffled_texts_hold_whole_sentences_from_anywhere(folder):
    examples = list(islice(MixedCorpus(str(folder), [100], join=0.0, shuffle=1.0, seed=1)(NLP), 40))
    numbers = [[int(s.split("number ")[1].split()[0]) for s in sentences(e)] for e in examples]
    assert all(len(e.text) >= 90 for e in examples)
    assert {s for e in examples for s in sentences(e)} <= {
        f"{name} {line}" for name in ("one", "two") for line in LINES
    }
    assert sum(b == a + 1 for row in numbers for a, b in pairwise(row)) < 0.5 * sum(len(row) - 1 for row in numbers)


def test_mixed_corpus_weights_by_folder(folder):
    examples = islice(MixedCorpus(str(folder), [50], weights={"one": 0.0})(NLP), 50)
    assert {e.reference.user_data[CORPUS] for e in examples} == {"two/two"}


@pytest.mark.parametrize("text", ["\n\n", "Go.\n"])
def test_mixed_corpus_needs_sentences(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(ValueError, match="SEG211"):
        next(MixedCorpus(str(tmp_path), [50])(NLP))


@pytest.mark.parametrize(
    "settings",
    [{"lengths": []}, {"lengths": [0]}, {"weights": {"one": -1.0}}, {"join": 1.5}, {"shuffle": -0.1}],
    ids=str,
)
def test_mixed_corpus_refuses_numbers_that_cannot_be(settings):
    with pytest.raises(ValueError, match=f"SEG200.*{next(iter(settings))}"):
        MixedCorpus("anywhere", **{"lengths": [50], **settings})


@pytest.mark.parametrize("name", ["max_chars", "limit_chars"])
def test_sentence_corpus_refuses_negative_numbers(name):
    with pytest.raises(ValueError, match=f"SEG200.*{name}"):
        SentenceCorpus("anywhere", **{name: -1})


def test_batch_by_bytes_discards_nothing(folder):
    examples = list(SentenceCorpus(str(folder), max_chars=100)(NLP))
    batches = list(batch_by_bytes(250)(examples))
    assert [e for batch in batches for e in batch] == examples
    assert all(sum(len(e.text) for e in batch) >= 250 for batch in batches[:-1])


def test_train_vocabulary(folder):
    tokenizer = train_vocabulary(str(folder), size=120, max_characters=5000)
    assert 40 < tokenizer.get_vocab_size() <= 120
    assert tokenizer.encode("SENTENCE number", add_special_tokens=False).tokens == ["sentence", "number"]
