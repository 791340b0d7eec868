"""Put a trained model into the package: `python -m spacy_segment.training.embed PIPELINE COMPONENT NAME [CHECKPOINT]`.

With a checkpoint, its weights are taken instead of those of the pipeline: a run need not have come to its end.
"""

import sys

import spacy
from spacy.language import Language
from spacy.training import Example

from ..align import reference_doc
from ..files import write_atomically
from ..models import coherence, sat
from ..models.weights import PRETRAINED
from ..topics import TOPICS
from .optimizer import AdamW

WRITERS = {"sentence_segmenter": sat.weights_to_bytes, "topic_segmenter": coherence.weights_to_bytes}


def embed(pipeline: str, component: str, name: str, checkpoint: str | None = None) -> int:
    """Write the packed weights of a pipeline's segmenter to `pretrained/NAME.safetensors`.

    RETURNS (int): Size in bytes.
    RAISES (ValueError): SEG420 if the checkpoint cannot be read or does not fit.
    """
    nlp = spacy.load(pipeline)
    if checkpoint is not None:
        with nlp.select_pipes(enable=component):
            restore(nlp, checkpoint)
    data = WRITERS[component](nlp.get_pipe(component).model)
    write_atomically(PRETRAINED / f"{name}.safetensors", data)
    return len(data)


def restore(nlp: Language, checkpoint: str) -> None:
    """Take over the weights of a checkpoint: the optimizer puts them in place at its first step."""
    text = "One. Two."
    reference = reference_doc(nlp.tokenizer, text, [0, 5])
    reference.spans[TOPICS] = list(reference.sents)
    nlp.update([Example(nlp.make_doc(text), reference)], sgd=AdamW(checkpoint=checkpoint))


if __name__ == "__main__":
    sys.stdout.write(f"{embed(*sys.argv[1:]):,} bytes\n")
