"""Both components in every state, and what of a pipeline must be the same after any way to save, copy or ship it.

As a program: load an installed pipeline, without a network, and write all of this to a file.
"""

import copy
import json
import socket
import sys
from collections.abc import Iterable

import numpy as np
import spacy
from conftest import TEXTS, make_tiny, make_topic_examples, make_topics
from spacy.language import Language
from spacy.tokens import Doc

JOINED = [" ".join(sentences) for sentences in TEXTS]
# Fifty texts of every shape, the empty one among them.
MANY = [
    (" ".join(JOINED[i % 4 : i % 4 + 1 + i % 3]) + ("\n\n" if i % 5 == 0 else "")) * (i % 7 != 3) for i in range(50)
]
NAMES = ("sentence_segmenter", "topic_segmenter")


def fresh() -> Language:
    """Both components, initialised, not trained."""
    nlp = make_tiny()
    nlp.add_pipe("topic_segmenter", source=make_topics("xx"))
    return nlp


def learned(trained: Language) -> Language:
    """Both components, trained. trained (Language): The first of them."""
    spacy.util.fix_random_seed(0)
    topics = make_topics("xx")
    optimizer = topics.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(15):
        topics.update(make_topic_examples(topics), sgd=optimizer)
    nlp = copy.deepcopy(trained)
    nlp.add_pipe("topic_segmenter", source=topics)
    return nlp


def parameters(nlp: Language) -> dict[str, np.ndarray]:
    """Name -> array, of all components and all of their parts. Copies: a process that is sent a pipeline moves its weights to
    shared memory, and what looked at them before then looks at freed memory.
    """
    found = {}
    for name in NAMES:
        for i, node in enumerate(nlp.get_pipe(name).model.walk()):
            found |= {f"{name}.{i}.{p}": np.array(node.get_param(p)) for p in node.param_names if node.has_param(p)}
            for shim in node.shims:
                found |= {f"{name}.{i}.{k}": v.numpy().copy() for k, v in shim.module.state_dict().items()}
    return found


def logits(nlp: Language) -> list[np.ndarray]:
    found = []
    for text in MANY[:10]:
        doc = nlp.make_doc(text)
        found.append(nlp.get_pipe(NAMES[0]).predict([doc])[0].logits)
        found.append(nlp.get_pipe(NAMES[1]).predict([nlp.get_pipe(NAMES[0])(doc)])[0].boundary)
    return found


def answers(docs: Iterable[Doc]) -> list[tuple]:
    return [
        (
            doc.text,
            [sent.start_char for sent in doc.sents],
            [(span.start_char, span.end_char, span.label_) for span in doc.spans["topics"]],
            [token.tag_ for token in doc],
            [(span.start_char, span.end_char, span.label_) for span in doc.ents],
        )
        for doc in docs
    ]


def refuse(*args: object) -> None:
    raise OSError("the network was used")


def main(name: str, path: str) -> None:
    """Write parameters and logits of the pipeline, its file, and its answers."""
    socket.socket.connect = refuse  # type: ignore[method-assign,assignment]
    nlp = spacy.load(name)
    values = {f"logits {i}": array for i, array in enumerate(logits(nlp))}
    said = {
        "file": sys.modules[name].__file__,
        "meta": nlp.meta["segment"],
        "pipes": nlp.pipe_names,
        "answers": answers(nlp.pipe(MANY)),
    }
    np.savez(path, said=json.dumps(said), **parameters(nlp), **values)


if __name__ == "__main__":
    main(*sys.argv[1:])
