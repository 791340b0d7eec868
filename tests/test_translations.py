"""Vectors of pieces that no text has, out of translations."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from spacy_segment.models.pieces import N_BUCKETS
from spacy_segment.training.translations import RANDOM, fold_in

WORDS = ["rain", "bread", "regen", "brot", "nie", "ja"]
PARALLEL = {"en": "rain rain. bread bread.", "de": "regen regen. brot ja."}


@pytest.fixture
def tokenizer():
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*WORDS, ".", "?"])}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    return tokenizer


@pytest.fixture
def folder(tmp_path):
    for lang, text in PARALLEL.items():
        cut = text.index(".") + 2
        rows = [
            {"id": f"news_{lang}-{i}", "lang": lang, "text": text, "sents": [[0, cut - 1], [cut, len(text)]]}
            for i in range(9)
        ]
        (tmp_path / f"news_{lang}.train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_a_word_is_about_what_stands_in_its_place(tokenizer, folder):
    n = len(WORDS) + 2
    vectors = np.zeros((n + N_BUCKETS, 4), dtype=np.float32)
    vectors[:2, :2] = np.eye(2)
    vectors[2:, 2:] = (0.6, 0.8)
    is_known = np.arange(len(vectors)) < 2
    new = fold_in(vectors, is_known, str(folder), tokenizer, n)
    assert np.array_equal(new[:2], vectors[:2])
    never = WORDS.index("nie")
    assert np.array_equal(new[never], vectors[never])
    rain, bread = (new[WORDS.index(word)] - RANDOM * vectors[2] for word in ("regen", "brot"))
    assert rain[0] > 0 > rain[1]
    assert bread[1] > 0 > bread[0]
    assert vectors.dtype == new.dtype


def test_the_language_of_known_pieces_must_be_there(tokenizer, folder):
    vectors = np.ones((len(WORDS) + 2 + N_BUCKETS, 4), dtype=np.float32)
    with pytest.raises(ValueError, match="SEG211"):
        fold_in(vectors, vectors[:, 0] > 2, str(folder / "news_de*"), tokenizer, len(WORDS) + 2)
