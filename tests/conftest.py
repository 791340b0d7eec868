"""Fixtures: a tiny random model, and texts of our own."""

import errno
import os
import resource
import sys
from pathlib import Path

# One thread for each of several workers, and for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import spacy
from hypothesis import settings
from spacy.language import Language
from spacy.tokens import Span
from spacy.training import Example

from spacy_segment.align import reference_doc

# The same examples at every push, so that a change passes or fails for what it is; new ones every night.
settings.register_profile("push", deadline=None, max_examples=100, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=1000)
settings.register_profile("quick", deadline=None, max_examples=15)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "push"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test first: the other worker has the rest to do meanwhile."""
    items.sort(key=lambda item: item.path.name != "test_smoke.py")


TEXTS = [
    ["The kettle is on.", "Nobody has put tea in the pot!", "Shall we wait?"],
    ["Rain fell all night.", "By morning the path was gone.", "We took the boat."],
    ["He said yes.", "She said no.", "They never spoke again."],
    ["Wo ist der Hafen?", "Der Zug kommt um acht.", "Dann gehen wir zu Fuß."],
]

KIB = 1 if sys.platform == "darwin" else 1024

TINY_MODEL = {
    "@architectures": "spacy_segment.SaT.v1",
    "n_marks": 11,
    "pretrained": None,
    "encoder": {
        "@architectures": "spacy_segment.BandedEncoder.v1",
        "hidden_width": 32,
        "embedding_width": 16,
        "inner_width": 32,
        "n_layers": 2,
        "n_heads": 2,
        "conv_width": 5,
        "lookahead": 12,
        "lookback": 8,
        "dtype": "float32",
    },
}


def make_examples(nlp: Language, texts: list[list[str]] = TEXTS) -> list[Example]:
    """One Example per text, its sentences joined with a space."""
    examples = []
    for sentences in texts:
        text, starts = "", []
        for sentence in sentences:
            text += " " if text else ""
            starts.append(len(text))
            text += sentence
        examples.append(Example(nlp.make_doc(text), reference_doc(nlp.tokenizer, text, starts)))
    return examples


def make_tiny(lang: str = "xx", **settings) -> Language:
    """A pipeline with a tiny model, initialised on TEXTS."""
    nlp = spacy.blank(lang)
    nlp.add_pipe("sentence_segmenter", config={"model": TINY_MODEL, **settings})
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


TINY_TOPICS = {
    "@architectures": "spacy_segment.Coherence.v1",
    "encoder": {"@architectures": "spacy_segment.StaticEncoder.v1", "width": 32, "trainable": True},
    "width": 32,
    "n_layers": 1,
    "n_heads": 2,
    "conv_width": 5,
    "span": 8,
    "n_opening": 4,
    "pretrained": None,
    "piece_dropout": 0.0,
    "feature_dropout": 0.0,
    "dtype": "float32",
}


def make_topic_examples(nlp: Language) -> list[Example]:
    """TEXTS in pairs, every text a topic of its own, labelled by its number."""
    examples = []
    for first, second in ((0, 1), (2, 3), (1, 2), (3, 0)):
        (example,) = make_examples(nlp, [TEXTS[first] + TEXTS[second]])
        doc = example.reference
        middle = list(doc.sents)[len(TEXTS[first])].start
        doc.spans["topics"] = [Span(doc, 0, middle, f"T{first}"), Span(doc, middle, len(doc), f"T{second}")]
        examples.append(Example(nlp.make_doc(doc.text), doc))
    return examples


def make_topics(lang: str = "en", **settings) -> Language:
    """A pipeline with a tiny topic model, initialised on pairs of TEXTS."""
    nlp = spacy.blank(lang)
    nlp.add_pipe("topic_segmenter", config={"model": TINY_TOPICS, **settings})
    nlp.initialize(lambda: make_topic_examples(nlp))
    return nlp


@pytest.fixture
def nothing_happens(tmp_path, monkeypatch):
    """Fails the test if a file appears, or if half a gigabyte is taken."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "HF_HOME", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.chdir(home)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    yield
    assert not list(home.iterdir())
    assert not (tmp_path / "code_was_run").exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB - before < 500 * 2**20


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A path in a folder that may not be looked into, not even by the superuser."""
    folder = tmp_path / "locked"
    folder.mkdir()

    def refusing(known):
        def look(path, **settings):
            if path.parent == folder:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return known(path, **settings)

        return look

    for name in ("exists", "is_dir", "is_file"):
        monkeypatch.setattr(Path, name, refusing(getattr(Path, name)))
    return folder / "a.txt"


@pytest.fixture(scope="session")
def trained() -> Language:
    """A tiny model trained until it knows TEXTS by heart."""
    spacy.util.fix_random_seed(0)
    nlp = make_tiny()
    examples = make_examples(nlp)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(80):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture(scope="session")
def model(trained, tmp_path_factory) -> str:
    """Directory of the tiny trained model."""
    path = tmp_path_factory.mktemp("model")
    trained.to_disk(path)
    return str(path)


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """A tiny random BERT in a directory, with a tokenizer made on the spot."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel, BertTokenizerFast

    path = tmp_path_factory.mktemp("bert")
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    texts = ["the cat sat. " * 40, "the mat", "ねこだ。いぬだ。" * 9]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=80, special_tokens=special))
    BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=64).save_pretrained(path)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=80,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(path, safe_serialization=True)
    return path
