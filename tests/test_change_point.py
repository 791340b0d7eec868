"""The posterior of topic boundaries under all segmentations, against their plain enumeration."""

import itertools

import numpy as np
import pytest
import spacy
import torch
from test_topic_segmenter import BREAD, RAIN, STATE, make_example, starts_of, with_sents

from spacy_segment.models.change_point import change_point_logits
from spacy_segment.models.units import directions
from spacy_segment.types import NEVER


def enumerated(vectors, places, penalty, sharpness, max_units):
    """Probability of a boundary at every unit, by listing every segmentation."""
    n = len(vectors)
    inner = [i for i in range(1, n) if places[i]]
    total, weight = 0.0, np.zeros(n)
    for size in range(len(inner) + 1):
        for cut in itertools.combinations(inner, size):
            bounds = [0, *cut, n]
            counts = [sum(places[a + 1 : b]) + 1 for a, b in itertools.pairwise(bounds)]
            if max(counts) > max_units:
                continue
            worth = sum(
                np.square(vectors[a:b].sum(axis=0)).sum() / (b - a) - penalty for a, b in itertools.pairwise(bounds)
            )
            p = np.exp(sharpness * worth)
            total += p
            weight[list(cut)] += p
    return weight / total


@pytest.mark.parametrize("max_units", [3, 4, 99])
@pytest.mark.parametrize("seed", range(3))
def test_it_equals_the_enumeration_of_all_segmentations(seed, max_units):
    rng = np.random.default_rng(seed)
    vectors = directions(rng.standard_normal((9, 4)))
    places = rng.random(9) < 0.7
    if max_units == 3:
        places[:] = True
    logits = change_point_logits(vectors, places, penalty=0.8, log_penalty=0.0, sharpness=2.0, max_units=max_units)
    expected = enumerated(vectors, places, 0.8, 2.0, max_units)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits[1:])), expected[1:], atol=1e-6)
    assert (logits[1:][~places[1:]] == NEVER).all()


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_units_have_no_boundary(n):
    assert (change_point_logits(np.ones((n, 3)), np.ones(n, dtype=bool)) == NEVER).all()


def test_a_long_even_text_stays_finite():
    logits = change_point_logits(np.tile([[1.0, 0.0]], (3000, 1)), np.ones(3000, dtype=bool))
    assert np.isfinite(logits).all()


def test_a_higher_penalty_gives_fewer_boundaries():
    vectors = directions(np.random.default_rng(0).standard_normal((60, 8)))
    places = np.ones(60, dtype=bool)
    counts = [
        int((change_point_logits(vectors, places, penalty=p, log_penalty=0.0) > 0).sum()) for p in (0.5, 1.0, 3.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_topics_of_longer_documents_are_longer():
    rng = np.random.default_rng(0)
    short, long = (directions(rng.standard_normal((n, 8))) for n in (20, 400))
    lengths = []
    for vectors in (short, long):
        logits = change_point_logits(vectors, np.ones(len(vectors), dtype=bool), log_penalty=0.3)
        lengths.append(len(vectors) / (1 + int((logits > 0).sum())))
    assert lengths[0] < lengths[1]


def test_the_component_finds_a_change_of_topic_without_training():
    torch.manual_seed(0)
    nlp = spacy.blank("en")
    encoder = {"@architectures": "spacy_segment.StaticEncoder.v1", "width": 512, "trainable": False}
    model = {
        "@architectures": "spacy_segment.ChangePoint.v1",
        "encoder": encoder,
        "penalty": 1.2,
        "log_penalty": 0.0,
    }
    nlp.add_pipe("topic_segmenter", config={"model": model, "threshold": 0.5})
    example = make_example(nlp, ("", BREAD * 3), ("", STATE * 3), ("", RAIN * 3))
    nlp.get_pipe("topic_segmenter").initialize(lambda: [example])
    doc = nlp.get_pipe("topic_segmenter")(with_sents(example))
    assert starts_of(doc) == [span.start_char for span in example.reference.spans["topics"]]
