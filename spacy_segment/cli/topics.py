"""`python -m spacy segment-benchmark topics`: topic segmenters side by side on the same sentences."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import numpy as np
import srsly
import typer
from rich.console import Console
from rich.table import Table
from spacy.language import Language
from spacy.tokens import Doc

from ..align import reference_doc
from ..errors import Errors, check_choice
from ..files import check_output, write_output
from ..metrics import PRF, boundary_prf, boundary_similarity, pk, window_diff
from ..pipeline.topic_segmenter import TopicSegmenter
from ..scorers import CORPUS, LANGUAGE
from ..topics import TOPICS, find_units, topics_of
from ..training.plain_sentences import SENTENCES, sentence_starts
from ..training.topic_readers import TopicCorpus
from ..types import Bools1d
from .benchmark import benchmark_app, say_missing
from .options import split_names
from .pipelines import find_pipe, load_pipeline, run_before
from .reporting import reported
from .topic_peers import MAKERS, Segmenter, every_k, make_segmenters, missing_segmenters


@dataclass
class Figures:
    """Sums of one segmenter on one corpus."""

    pk: list[float] = field(default_factory=list)
    wd: list[float] = field(default_factory=list)
    b: list[float] = field(default_factory=list)
    prf: PRF = field(default_factory=PRF)
    seconds: float = 0.0
    n_sentences: int = 0

    def add(self, gold: Bools1d, found: Bools1d, seconds: float = 0.0) -> None:
        """Count a document: where topics start, (n_units,), in the gold and as found, and how long it took."""
        reference, hypothesis = (marks[1:].astype(np.int64) for marks in (gold, found))
        self.pk.append(pk(reference, hypothesis))
        self.wd.append(window_diff(reference, hypothesis))
        self.b.append(boundary_similarity(reference, hypothesis))
        self.prf += boundary_prf(reference, hypothesis)
        self.seconds += seconds
        self.n_sentences += len(gold)

    def means(self) -> dict[str, float]:
        """RETURNS (dict): Means over documents; F1 over all boundaries."""
        return {"pk": fmean(self.pk), "wd": fmean(self.wd), "b": fmean(self.b), "f": self.prf.fscore}


def trivial(golds: list[Bools1d]) -> dict[str, Figures]:
    """What needs no model and stands beside every table: no boundary, and one before every k-th unit, k being the mean topic.

    golds (list of Bools1d): Where topics start, (n_units,), for every document of a corpus.
    """
    mean = mean_length(golds)
    rows = {"no boundary": Figures(), "every k": Figures()}
    for gold in golds:
        rows["no boundary"].add(gold, np.zeros(len(gold), dtype=bool))
        rows["every k"].add(gold, every_k(len(gold), mean))
    return rows


def mean_length(golds: Iterable[Bools1d]) -> float:
    """RETURNS (float): Units of a topic, of golds as those of `trivial`."""
    marks = np.concatenate(list(golds))
    return len(marks) / int(marks.sum())


@benchmark_app.command("topics")
def topics_cli(
    data: list[str] = typer.Argument(..., help="Gold files of any format of topics, folders or patterns"),
    model: str | None = typer.Option(None, "--model", "-m", help="Pipeline; the embedded models if left out"),
    systems: str = typer.Option("", help=f"Of {', '.join(MAKERS)}, and names or paths of pipelines; all if left out"),
    sentences: str = typer.Option(
        "ours", help="Units: ours (the sentences of the pipeline), rule (a plain splitter), lines"
    ),
    condition: str = typer.Option(
        "clean",
        help="clean, flat, corrupted, headed (titles in the text, as headings) or spoken (lines as turns of a transcript)",
    ),
    limit: int = typer.Option(0, min=0, help="Documents per file, 0 for all"),
    threshold: float | None = typer.Option(None, help="Another threshold of our component"),
    per_corpus: bool = typer.Option(False, "--per-corpus", help="Print every corpus"),
    by_language: bool = typer.Option(
        False, "--by-language", help='Corpora are languages ("lang" in JSONL), not folders'
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write all figures as JSON"),
) -> None:
    """Pk, WindowDiff, B, boundary F1 and speed of topic segmenters; a corpus is a folder, means are over corpora."""
    with reported():
        check_output(output)
        check_choice(("ours", *SENTENCES), sentences=sentences)
        nlp = load_pipeline(model, "xx", {}, topics=True)
        pipe = find_pipe(nlp, TopicSegmenter)
        if threshold is not None:
            pipe.cfg["threshold"] = threshold
        chosen = split_names("systems", systems) if systems else None
        segmenters = make_segmenters(pipe, chosen)
        figures, splitting = compare(
            nlp, segmenters, data, sentences, limit, LANGUAGE if by_language else CORPUS, condition
        )
    console = Console()
    rows = {name: _macro(corpora) for name, corpora in figures.items()}
    table = Table(
        title=f"topics, macro over {len(next(iter(figures.values())))} {'languages' if by_language else 'corpora'}"
    )
    for column in ("segmenter", "Pk", "WindowDiff", "B", "F1", "sentences/s"):
        table.add_column(column, justify="left" if column == "segmenter" else "right")
    for name, row in rows.items():
        table.add_row(name, *[f"{row[key]:.3f}" for key in ("pk", "wd", "b", "f")], f"{row['speed']:,.0f}")
    console.print(table)
    if chosen is None:
        say_missing(missing_segmenters())
    if splitting and "ours" in rows:
        total = 1 / (1 / splitting + 1 / rows["ours"]["speed"])
        console.print(
            f"sentence splitting: {splitting:,.0f} sentences/s; with ours for topics: {total:,.0f} sentences/s"
        )
    if per_corpus:
        for corpus in next(iter(figures.values())):
            best = "  ".join(
                f"{name} {f[corpus].means()['pk']:.3f}/{f[corpus].means()['f']:.3f}" for name, f in figures.items()
            )
            console.print(f"{corpus} (Pk/F1): {best}", soft_wrap=True)
    if output is not None:
        per = {name: {corpus: f.means() for corpus, f in corpora.items()} for name, corpora in figures.items()}
        with reported():
            write_output(output, srsly.json_dumps({"macro": rows, "corpora": per}, indent=2).encode())


def compare(
    nlp: Language,
    segmenters: dict[str, Segmenter],
    data: list[str],
    sentences: str,
    limit: int,
    group: tuple[str, str] = CORPUS,
    condition: str = "clean",
) -> tuple[dict[str, dict[str, Figures]], float]:
    """Run every segmenter on every document.

    group (tuple): Key of what makes a corpus in `Doc.user_data`: `CORPUS` or `LANGUAGE`.
    condition (str): Of `TOPIC_CONDITIONS`.
    RETURNS (tuple): Segmenter -> corpus -> figures, and sentences per second of sentence splitting (0 if not ours).
    RAISES (ValueError): SEG200, SEG110, SEG141; SEG115 if no document has two sentences.
    """
    pipe = find_pipe(nlp, TopicSegmenter)
    documents: dict[str, list[tuple[Doc, Bools1d]]] = defaultdict(list)
    seconds, n_sentences = 0.0, 0
    for example in TopicCorpus(data, limit=limit, condition=condition)(nlp):
        text = example.reference.text
        if sentences == "ours":
            start = time.perf_counter()
            (doc,) = run_before(nlp, pipe, [nlp.make_doc(text)])
            seconds += time.perf_counter() - start
        else:
            doc = reference_doc(nlp.tokenizer, text, sentence_starts(text, sentences))
        units = find_units(doc, "sentences")
        n_sentences += len(units.starts)
        if len(units.starts) > 1:
            gold, _, _ = topics_of(example.reference, TOPICS, units.starts, text=text)
            documents[example.reference.user_data[group]].append((doc, gold))
    if not documents:
        raise ValueError(Errors.SEG115.format(paths=", ".join(data)))
    figures: dict[str, dict[str, Figures]] = {name: defaultdict(Figures) for name in segmenters}
    for corpus, docs in documents.items():
        mean = mean_length(gold for _, gold in docs)
        for name, mark in segmenters.items():
            for doc, gold in docs:
                start = time.perf_counter()
                found = mark(doc, mean)
                figures[name][corpus].add(gold, found, time.perf_counter() - start)
    return figures, n_sentences / seconds if seconds else 0.0


def _macro(corpora: dict[str, Figures]) -> dict[str, float]:
    means = [figures.means() for figures in corpora.values()]
    seconds = sum(figures.seconds for figures in corpora.values())
    row = {key: fmean(mean[key] for mean in means) for key in ("pk", "wd", "b", "f")}
    return {**row, "speed": sum(figures.n_sentences for figures in corpora.values()) / max(seconds, 1e-9)}
