"""What a component finds on a Doc: the work of those before it in the pipeline."""

from collections.abc import Iterable, Iterator

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc

# Docs that a component is given at once.
BATCH = 64


def run_before(nlp: Language, pipe: Pipe, docs: Iterable[Doc]) -> list[Doc]:
    """Run the components that stand before one (a shared transformer, a sentence splitter)."""
    stream: Iterator[Doc] = iter(docs)
    for _, other in nlp.pipeline:
        if other is pipe:
            break
        stream = other.pipe(stream, batch_size=BATCH) if hasattr(other, "pipe") else map(other, stream)
    return list(stream)
