import pytest
import spacy
from conftest import make_examples
from spacy.training import Example

from spacy_segment.loss import MARKS
from spacy_segment.scorers import CONDITION, CORPUS
from spacy_segment.training import augmenters
from spacy_segment.training.augmenters import char_noise, corruption_mix

NLP = spacy.blank("xx")


def sentences(example):
    return [sent.text for sent in example.reference.sents]


def first_example():
    example = make_examples(NLP)[0]
    example.reference.user_data[CORPUS] = "mine"
    return example


def test_speech_like_replaces_the_example():
    (example,) = augmenters.speech_like()(NLP, first_example())
    assert example.text == "the kettle is on nobody has put tea in the pot shall we wait"
    assert sentences(example) == ["the kettle is on", "nobody has put tea in the pot", "shall we wait"]
    assert example.predicted.text == example.reference.text
    assert len(example.reference.user_data[MARKS]) == 3
    assert example.reference.user_data[CORPUS] == "mine"


@pytest.mark.parametrize("augmenter", [augmenters.speech_like(), augmenters.conditions()])
def test_a_text_without_gold_sentences_is_not_taken_for_one_sentence(augmenter):
    doc = NLP.make_doc("It rained. We left.")
    with pytest.raises(ValueError, match="SEG402"):
        list(augmenter(NLP, Example(NLP.make_doc(doc.text), doc)))


@pytest.mark.parametrize(
    "name", ["speech_like", "social_media_like", "newline_loss", "space_loss", "short_inputs", "char_noise"]
)
def test_augmenters_level_zero_changes_nothing(name):
    example = first_example()
    (same,) = getattr(augmenters, name)(level=0.0)(NLP, example)
    assert same.text == example.text
    assert sentences(same) == sentences(example)


@pytest.mark.parametrize("name", ["social_media_like", "space_loss", "short_inputs", "char_noise"])
def test_augmenters_at_full_level_change_some_examples(name):
    augment = getattr(augmenters, name)(level=1.0)
    texts = {next(augment(NLP, first_example())).text for _ in range(10)}
    assert texts != {first_example().text}


def test_conditions_yields_one_example_per_condition():
    examples = list(augmenters.conditions()(NLP, first_example()))
    assert [example.reference.user_data[CONDITION] for example in examples] == ["clean", "flat", "corrupted"]


def test_corruption_mix_repeats_with_its_seed():
    weights = {"clean": 1.0, "corrupted": 1.0, "social": 1.0}
    runs = [
        [next(augment(NLP, first_example())).text for _ in range(12)]
        for augment in (augmenters.corruption_mix(weights, seed=3), augmenters.corruption_mix(weights, seed=3))
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 2


def test_corruption_mix_keeps_a_text_of_which_nothing_would_be_left():
    (example,) = make_examples(NLP, [["...", "!!"]])
    (same,) = augmenters.speech_like()(NLP, example)
    assert same.text == "... !!"


@pytest.mark.parametrize("weights", [{}, {"unknown": 1.0}, {"clean": -1.0}, {"clean": 0.0}])
def test_corruption_mix_rejects(weights):
    with pytest.raises(ValueError, match="SEG210"):
        augmenters.corruption_mix(weights)


def test_conditions_rejects_an_unknown_name():
    with pytest.raises(ValueError, match="SEG210"):
        augmenters.conditions(["dirty"])


def test_level_has_to_be_a_probability():
    with pytest.raises(ValueError, match="SEG200"):
        augmenters.speech_like(level=2.0)


@pytest.mark.parametrize("weight", ["a", float("nan"), float("inf"), None, True])
def test_weights_have_to_be_numbers(weight):
    with pytest.raises(ValueError, match="SEG210"):
        corruption_mix({"clean": weight})


@pytest.mark.parametrize("make", [lambda: corruption_mix({"clean": 1.0}, seed=-1), lambda: char_noise(seed=-1)])
def test_seeds_have_to_be_numbers(make):
    with pytest.raises(ValueError, match="SEG200"):
        make()
