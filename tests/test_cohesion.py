"""What the document as a whole, and the looks of a unit, tell the coherence model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_segment.models.cohesion import cohesion, number_words
from spacy_segment.models.documents import N_CHANGES, N_CUES, cohesion_cues
from spacy_segment.models.torch.coherence import SCALES
from spacy_segment.models.unit_surface import N_VALUES, surface_features
from spacy_segment.text import lower_case
from spacy_segment.topics import Units


@st.composite
def documents(draw):
    """Up to a hundred units of words out of a few: numbers of words, units."""
    n_units = draw(st.integers(1, 100))
    rows = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(0, n_units - 1)), max_size=400))
    rows.sort(key=lambda row: row[1])
    return np.asarray(rows, dtype=np.int64).reshape(-1, 2).T, n_units


@given(documents())
@settings(max_examples=60, deadline=None)
def test_cohesion_is_the_cosine_of_weighted_counts(document):
    (words, unit_of), n = document
    counts = np.zeros((n, 31))
    np.add.at(counts, (unit_of, words), 1)
    rarity = np.log((n + 1) / np.maximum((counts > 0).sum(axis=0), 1))
    weights = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * rarity
    expected = np.zeros((n, len(SCALES)))
    for column, scale in enumerate(SCALES):
        for i in range(n):
            before, after = weights[max(0, i - scale) : i].sum(axis=0), weights[i : i + scale].sum(axis=0)
            length = np.sqrt((before @ before) * (after @ after))
            expected[i, column] = before @ after / length if length > 1e-4 else 0
    assert cohesion(words, unit_of, n) == pytest.approx(expected, abs=1e-4)


def test_cues_fall_where_other_words_begin():
    words = np.asarray([*(0, 1, 2) * 5, *(3, 4, 5) * 5])
    cues = cohesion_cues(words, np.arange(30) // 3, 10)
    assert cues.shape == (10, N_CUES - N_CHANGES)
    assert (cues[:, 0] == 0).nonzero()[0].tolist() == [0, 5]
    assert cues[:, len(SCALES) : -1].mean(axis=0) == pytest.approx(0, abs=1e-6)


def test_words_are_the_same_in_any_case():
    starts = np.asarray([0, 6, 12, 18, 24, 30])
    lowered = lower_case("Bread bread Board BOARD Bread ovens")
    assert number_words(lowered, starts, starts + 5).tolist() == [0, 0, 1, 1, 0, 2]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("He left at five.", [2, 1, 1]),
        ("it ended“.” ", [1, 2, 1]),
        ("Terms and Conditions", [3, 1, 3]),
        ("Your Terms and Conditions", [4, 1, 3]),
        ("Bake The Bread", [5, 1, 3]),
        ("PRIVACY", [6, 1, 3]),
        ("2.1 the fee:", [1, 4, 2]),
        ("- an item;", [1, 5, 2]),
        ("北京很大。", [1, 3, 1]),
    ],
)
def test_looks_of_a_unit(unit, expected):
    text = f"Before. {unit}\n\nAfter it, too"
    starts = np.asarray([0, 8, text.index("After")])
    features = surface_features(text, Units(starts, starts, np.asarray([0, 0, 2])), np.asarray([2, 8, 4]))
    assert features[:, 0].tolist() == [1, 1, 3]
    assert features[1, 2:].tolist() == expected
    assert features[2, 2:].tolist() == [2, 1, 3]
    assert (features < N_VALUES).all()
    assert (features > 0).all()
