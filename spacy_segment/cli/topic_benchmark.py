"""`python -m spacy segment-benchmark topics`: topic segmenters side by side on the same sentences."""

import time
from collections import defaultdict
from statistics import fmean

import srsly
import typer
from rich.console import Console
from rich.table import Table
from spacy.language import Language
from spacy.tokens import Doc

from ..align import reference_doc
from ..checks import check_choice
from ..errors import Errors
from ..files import check_output, write_output
from ..pipeline.before import run_before
from ..pipeline.topic_segmenter import TopicSegmenter
from ..scorers import CORPUS, LANGUAGE
from ..topics import TOPICS, find_units, topics_of
from ..training.plain_sentences import SENTENCES, sentence_starts
from ..training.topic_readers import TopicCorpus
from ..types import Bools1d
from .benchmark import benchmark_app
from .console import say_missing
from .figures import TopicFigures, mean_length
from .options import Documents, FiguresFile, GoldTopics, Model, split_names
from .pipelines import find_pipe, load_pipeline
from .reporting import reported
from .topic_peers import SEGMENTERS, Segmenter, make_segmenters, missing_segmenters


@benchmark_app.command("topics")
def topics_cli(
    data: GoldTopics,
    model: Model = None,
    systems: str = typer.Option(
        "", help=f"Of {', '.join(SEGMENTERS)}, and names or paths of pipelines; all if left out"
    ),
    sentences: str = typer.Option(
        "ours", help="Units: ours (the sentences of the pipeline), rule (a plain splitter), lines"
    ),
    condition: str = typer.Option(
        "clean",
        help="clean, flat, corrupted, headed (titles in the text, as headings) or spoken (lines as turns of a transcript)",
    ),
    limit: Documents = 0,
    threshold: float | None = typer.Option(None, help="Another threshold of our component"),
    per_corpus: bool = typer.Option(False, "--per-corpus", help="Print every corpus"),
    by_language: bool = typer.Option(
        False, "--by-language", help='Corpora are languages ("lang" in JSONL), not folders'
    ),
    output: FiguresFile = None,
) -> None:
    """Pk, WindowDiff, B, boundary F1 and speed of topic segmenters; a corpus is a folder, means are over corpora."""
    with reported():
        check_output(output)
        check_choice(("ours", *SENTENCES), sentences=sentences)
        nlp = load_pipeline(model, topics=True)
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
) -> tuple[dict[str, dict[str, TopicFigures]], float]:
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
    figures: dict[str, dict[str, TopicFigures]] = {name: defaultdict(TopicFigures) for name in segmenters}
    for corpus, docs in documents.items():
        mean = mean_length(gold for _, gold in docs)
        for name, mark in segmenters.items():
            mark(docs[0][0], mean)  # a first call, which may load a model, is not timed
            for doc, gold in docs:
                start = time.perf_counter()
                found = mark(doc, mean)
                figures[name][corpus].add(gold, found, time.perf_counter() - start)
    return figures, n_sentences / seconds if seconds else 0.0


def _macro(corpora: dict[str, TopicFigures]) -> dict[str, float]:
    means = [figures.means() for figures in corpora.values()]
    seconds = sum(figures.seconds for figures in corpora.values())
    row = {key: fmean(mean[key] for mean in means) for key in ("pk", "wd", "b", "f")}
    return {**row, "speed": sum(figures.n_sentences for figures in corpora.values()) / max(seconds, 1e-9)}
