"""What is fuzzed: any bytes as a text, and any bytes in the place of a saved component. Both need no fuzzer to be called."""

import sys
from functools import cache
from pathlib import Path

import spacy
import srsly

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import TINY_MODEL, TINY_TOPICS, make_tiny, make_topics
from test_any_text import NAMED, PIECES, check_sentences, check_topics, configured

COMPONENTS = ("sentence_segmenter", "topic_segmenter")
SETTINGS = (
    {"threshold": 0.2},
    {"threshold": 1e-9},
    {"threshold": 1e-9, "split_tokens": True},
    {"threshold": 0.2, "max_length": 7, "min_length": 3},
    {"threshold": 0.2, "max_length": 4, "length_unit": "tokens"},
    {"threshold": 0.9, "newlines": "hard"},
    {"threshold": 0.9, "newlines": "paragraph"},
    {"threshold": 0.2, "store_probs": True, "newlines": "ignore"},
)


@cache
def pipeline():
    """Both components with the smallest of random models."""
    spacy.util.fix_random_seed(0)
    sizes = {"hidden_width": 4, "embedding_width": 2, "inner_width": 4, "n_layers": 1, "lookahead": 6}
    nlp = make_tiny(model={**TINY_MODEL, "encoder": {**TINY_MODEL["encoder"], **sizes}})
    static = {**TINY_TOPICS["encoder"], "width": 4}
    nlp.add_pipe("topic_segmenter", source=make_topics("xx", model={**TINY_TOPICS, "width": 4, "encoder": static}))
    return nlp


def text_to_segments(data):
    """The first byte chooses settings, the rest is a text in UTF-8."""
    nlp = pipeline()
    settings = SETTINGS[data[0] % len(SETTINGS)] if data else {}
    text = data[1:].decode("utf-8", "replace")
    doc = configured(nlp, **settings)(nlp.make_doc(text))
    check_sentences(doc, text)
    check_topics(nlp.get_pipe("topic_segmenter")(doc))


def text_seeds():
    texts = [text for text in NAMED.values() if len(text) < 1000] + PIECES
    return [bytes([i % len(SETTINGS)]) + text.encode() for i, text in enumerate(texts)]


@cache
def saved():
    """What each component saves, as bytes, and unpacked as far as bytes go."""
    found = {}
    for name in COMPONENTS:
        whole = pipeline().get_pipe(name).to_bytes(exclude=["vocab"])
        outer = srsly.msgpack_loads(whole)
        model = srsly.msgpack_loads(outer["model"])
        shim = next(i for i, shims in enumerate(model["shims"]) if shims)
        found[name] = {
            "whole": whole,
            "cfg": outer["cfg"].encode(),
            "model": outer["model"],
            "shim": model["shims"][shim][0],
        }
    return found


PLACES = [(name, place) for name in COMPONENTS for place in ("whole", "cfg", "model", "shim")]


def wrap(name, place, data):
    """Bytes of a component that holds `data` in one place and is as it was saved in the others."""
    if place == "whole":
        return data
    outer = srsly.msgpack_loads(saved()[name]["whole"])
    if place == "shim":
        model = srsly.msgpack_loads(outer["model"])
        next(shims for shims in model["shims"] if shims)[0] = data
        return srsly.msgpack_dumps({**outer, "model": srsly.msgpack_dumps(model)})
    if place == "cfg":
        return srsly.msgpack_dumps({**outer, "cfg": data.decode("utf-8", "replace")})
    return srsly.msgpack_dumps({**outer, place: data})


def bytes_to_component(data):
    """The first byte chooses a component and a place in its file, the rest lies there. It loads and predicts, or has a coded error."""
    saved()  # before anything is loaded into these components
    name, place = PLACES[data[0] % len(PLACES)] if data else PLACES[0]
    pipe = pipeline().get_pipe(name)
    try:
        pipe.from_bytes(wrap(name, place, data[1:]), exclude=["vocab"])
    except ValueError as error:
        if not str(error).startswith("[SEG"):
            raise
        return
    doc = pipeline().make_doc("One. Two.\n\nThree.")
    doc[0].is_sent_start = doc[2].is_sent_start = True
    pipe(doc)


def bytes_seeds():
    return [bytes([i]) + saved()[name][place] for i, (name, place) in enumerate(PLACES)]


TARGETS = {"text": (text_to_segments, text_seeds), "bytes": (bytes_to_component, bytes_seeds)}
