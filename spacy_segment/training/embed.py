"""Put a trained sentence model into the package: `python -m spacy_segment.training.embed PIPELINE NAME`."""

import sys

import spacy

from ..files import write_atomically
from ..models.sat import PRETRAINED, weights_to_bytes


def embed(pipeline: str, name: str) -> int:
    """Write the packed weights of a pipeline's segmenter to `pretrained/NAME.safetensors`. RETURNS (int): Bytes."""
    data = weights_to_bytes(spacy.load(pipeline).get_pipe("sentence_segmenter").model)
    write_atomically(PRETRAINED / f"{name}.safetensors", data)
    return len(data)


if __name__ == "__main__":
    sys.stdout.write(f"{embed(sys.argv[1], sys.argv[2]):,} bytes\n")
