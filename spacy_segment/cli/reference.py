"""Our pipeline beside the reference package of SaT: the same random weights, the same texts, one after the other."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from rich.table import Table
from thinc.api import get_torch_default_device

from ..training.formats import Record
from .console import wide_console
from .importer import make_pipeline
from .random_checkpoint import make_checkpoint, make_tokenizer

DTYPES = ("float32", "bfloat16", "int8")
THRESHOLD = 0.25
LONG, DOCUMENTS, SENTENCES = 200_000, 386, 3_000


@dataclass
class Timing:
    """What one system did: seconds (see `seconds_now`), and for each text the offsets of sentence starts; of ours also the
    pieces computed, and the seconds its matrix products take alone.
    """

    seconds: float
    starts: list[set[int]]
    pieces: int = 0
    products: float = 0.0


@dataclass
class Products:
    """Notes the input of every linear layer, to run the same products again in a plain loop."""

    calls: list[tuple[Any, tuple[int, ...]]] = field(default_factory=list)

    def watch(self, module: Any) -> list[Any]:
        """RETURNS (list): Handles of the hooks."""
        layers = [layer for layer in module.modules() if type(layer).__name__ == "Linear"]
        return [layer.register_forward_hook(self.note) for layer in layers]

    def note(self, layer: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """A hook: remember one product."""
        self.calls.append((layer, tuple(inputs[0].shape)))

    def seconds(self, autocast: Callable[[], Any]) -> float:
        """Run all of them again on random numbers."""
        import torch

        device = get_torch_default_device()
        inputs = {shape: torch.randn(shape, device=device) for _, shape in self.calls}
        with torch.inference_mode(), autocast():
            for layer, shape in self.calls[:1]:
                layer(inputs[shape])
            start = seconds_now()
            for layer, shape in self.calls:
                layer(inputs[shape])
            return seconds_now() - start


def seconds_now() -> float:
    """Processor time, for what else runs on the machine does not count in it; on a GPU the time on the wall, once all is computed."""
    device = get_torch_default_device()
    if device.type == "cpu":
        return process_time()
    import torch

    torch.cuda.synchronize(device)
    return perf_counter()


def workloads(records: list[Record], scale: float) -> dict[str, list[str]]:
    """One long text, texts of the length of a web page, single sentences; `scale` is the part of each that is taken, spread
    evenly over the whole, for lengths decide how much is padding.
    """
    documents = [record.text for record in records if record.text.strip()]
    whole = " ".join(" ".join(documents).split())
    whole *= 1 + LONG // max(1, len(whole))
    sentences = [
        record.text[a:b].strip()
        for record in records
        for a, b in pairwise(sorted({0, *record.starts, len(record.text)}))
    ]
    sentences = [text for text in sentences if text]
    return {
        "one long text": [whole[: int(LONG * scale)]],
        "documents": _spread(documents, DOCUMENTS, scale),
        "sentences": _spread(sentences, SENTENCES, scale),
    }


def _spread(texts: list[str], total: int, scale: float) -> list[str]:
    """So many texts, repeated if there are fewer; of these, every so many-th."""
    n = max(1, int(total * scale))
    return [texts[int((i + 0.5) * total / n) % len(texts)] for i in range(n)]


def compare(texts: dict[str, list[str]], *, dtypes: list[str], n_layers: int, hidden_width: int) -> None:
    """Print time, ratio, agreement and the share of the matrix products; and the limit, the ratio if they were everything.

    RAISES (ImportError): If the reference is not installed.
    """
    from wtpsplit import SaT

    console = wide_console()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        sample = [text[:2000] for group in texts.values() for text in group[:200]]
        make_tokenizer(path, sample, size=8000)
        fit_to = texts["one long text"][0][:4000]
        make_checkpoint(path, n_layers=n_layers, lookahead=48, n_labels=1, hidden_width=hidden_width, fit_to=fit_to)
        reference = SaT(folder, tokenizer_name_or_path=folder, hub_prefix=None)
        device = get_torch_default_device()
        if device.type != "cpu":
            reference.half().to(str(device))
        pipelines = {dtype: make_pipeline(folder, threshold=THRESHOLD, dtype=dtype) for dtype in dtypes}
    table = Table(
        "texts",
        "characters",
        "system",
        "seconds",
        "characters/s",
        "ratio",
        "agreement",
        "pieces/s",
        "products",
        "limit",
    )
    for name, group in texts.items():
        size = sum(map(len, group))
        theirs = time_reference(reference, group)
        table.add_row(name, f"{size:,}", "wtpsplit", f"{theirs.seconds:.1f}", f"{size / theirs.seconds:,.0f}", "1.0")
        for dtype, nlp in pipelines.items():
            ours = time_ours(nlp, group)
            different = sum(len(a ^ b) for a, b in zip(ours.starts, theirs.starts, strict=True))
            table.add_row(
                f"{len(group)} texts",
                "",
                dtype,
                f"{ours.seconds:.1f}",
                f"{size / ours.seconds:,.0f}",
                f"{theirs.seconds / ours.seconds:.1f}",
                f"{1 - different / size:.2%}",
                f"{ours.pieces / ours.seconds:,.0f}",
                f"{ours.products / ours.seconds:.0%}",
                f"{theirs.seconds / ours.products:.1f}",
            )
        table.add_section()
    console.print(table)


def time_reference(reference: Any, texts: list[str]) -> Timing:
    """Its default settings: windows of 512 pieces every 64."""
    list(reference.split(warm_up(texts), threshold=THRESHOLD, split_on_input_newlines=False))
    start = seconds_now()
    found = list(reference.split(texts, threshold=THRESHOLD, split_on_input_newlines=False))
    return Timing(seconds_now() - start, [_offsets(sentences) for sentences in found])


def time_ours(nlp: Any, texts: list[str]) -> Timing:
    """The model with all that stands around it in the component, decisions included; without spaCy's tokenizer."""
    import spacy

    component = nlp.get_pipe("sentence_segmenter")
    shim = component.model.layers[0].shims[0]
    blank = spacy.blank("xx")
    blank.max_length = nlp.max_length = 10**9
    docs = [blank.make_doc(text) for text in texts]
    component.predict([blank.make_doc(text) for text in warm_up(texts)])
    start = seconds_now()
    boundaries = component.predict(docs)
    level = np.log(THRESHOLD / (1 - THRESHOLD))
    starts = [set(b.offsets[b.logits > level].tolist()) for b in boundaries]
    seconds = seconds_now() - start
    products = Products()
    module = shim.quantized if shim.dtype == "int8" else shim.module
    handles = products.watch(module)
    component.predict(docs)
    for handle in handles:
        handle.remove()
    widest = max(shape[-1] for _, shape in products.calls)
    pieces = sum(shape[0] for _, shape in products.calls if shape[-1] == widest) // len(module.encoder.encoder.layer)
    return Timing(seconds, starts, pieces, products.seconds(shim.autocast))


def warm_up(texts: list[str]) -> list[str]:
    """What is split before the clock starts: on a GPU all of it, for there a first product of any shape takes long."""
    return ["Warm up."] if get_torch_default_device().type == "cpu" else texts


def _offsets(sentences: list[str]) -> set[int]:
    """Where sentences start that join to the text; the start of the text is no boundary."""
    ends = np.cumsum([len(sentence) for sentence in sentences])
    return set(ends[:-1].tolist())
