"""`python -m spacy segment-benchmark sentences`: our model beside every splitter that is installed, on the same texts."""

import json
import platform
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from time import perf_counter

import numpy as np
import typer
from rich.table import Table

from ..align import next_text
from ..checks import wrong
from ..errors import Errors
from ..files import check_output, write_output
from ..training.corruption import CONDITIONS
from ..training.formats import Record, by_corpus, find_files, read_records
from ..training.readers import limited
from .benchmark import benchmark_app
from .console import progress, say_missing, wide_console
from .figures import SentenceFigures
from .options import Characters, FiguresFile, GoldSentences, split_names
from .peers import SPLITTERS, Splitter, make_splitter, missing_splitters, splitter_version
from .reporting import reported

# On no treebank may a rule-based splitter be better by more than this.
MARGIN = 0.005

Results = dict[tuple[str, str, str], SentenceFigures]  # (corpus, condition, splitter)


@benchmark_app.command("sentences")
def sentences_cli(
    data: GoldSentences,
    systems: str = typer.Option(",".join(SPLITTERS), help="Splitters to compare; also names or paths of pipelines"),
    conditions: str = typer.Option(",".join(CONDITIONS), help="Conditions of the text"),
    limit: Characters = 0,
    peer_limit: int = typer.Option(
        0,
        min=0,
        help="The same for all but the first splitter (pySBD is slow); what they are better at is told of whole corpora alone",
    ),
    per_corpus: bool = typer.Option(
        False, "--per-corpus", help="Print every corpus, not the mean of each folder alone"
    ),
    output: FiguresFile = None,
) -> None:
    """Boundary F1, sentence F1 and speed of sentence splitters: clean, flat (no newlines), corrupted (flat, lower-cased,
    no punctuation). Means are unweighted over corpora.
    """
    with reported():
        check_output(output)
        chosen = split_names("systems", systems)
        under = split_names("conditions", conditions, CONDITIONS)
        results = run_sentences(find_files(data), chosen, under, limit=limit, peer_limit=peer_limit)
        if not results:
            raise ValueError(Errors.SEG115.format(paths=", ".join(data)))
        report(results, chosen, per_corpus=per_corpus)
        say_missing(missing_splitters(chosen))
        if output is not None:
            write_output(output, json.dumps(as_json(results), indent=1).encode())


def run_sentences(
    files: list[Path], systems: list[str], conditions: list[str], *, limit: int, peer_limit: int
) -> Results:
    """Run every splitter on every corpus under every condition, one after the other on the same texts. Files of one folder and
    name are one corpus, whatever their splits.

    RAISES (ValueError): As `read_records`; SEG133 for a system that is neither a splitter nor a pipeline; SEG200 if no system can
        split what there is.
    """
    results: Results = {}
    languages: dict[str, None] = {}
    for corpus, paths in progress(by_corpus(files).items()):
        records = list(limited((record for path in paths for record in read_records(path)), 0, limit))
        if not records:
            continue
        languages[records[0].lang] = None
        for system in systems:
            splitter = make_splitter(system, records[0].lang)
            if splitter is None:
                continue
            chosen = list(limited(records, 0, peer_limit)) if system != systems[0] else records
            for condition in conditions:
                results[corpus, condition, system] = measure(splitter, chosen, condition)
    if languages and not results:
        expected = f"splitters of which one is installed and knows a language of the data ({', '.join(languages)})"
        raise wrong("systems", expected, ", ".join(systems))
    return results


def measure(splitter: Splitter, records: list[Record], condition: str) -> SentenceFigures:
    """Run one splitter. Texts of which nothing is left are left out; a first call, which may load a model, is not timed."""
    changed = [CONDITIONS[condition](record.text, np.asarray(record.starts)) for record in records]
    changed = [c for c in changed if c.text.strip()]
    splitter(["Warm up."])
    start = perf_counter()
    predicted = splitter([c.text for c in changed])
    result = SentenceFigures(seconds=perf_counter() - start)
    for c, starts in zip(changed, predicted, strict=True):
        result.add(c.text, next_text(c.text, c.starts.tolist()).tolist(), starts)
    return result


def report(results: Results, systems: list[str], *, per_corpus: bool) -> None:
    """Print a table per condition, and the corpora on which a peer is clearly better than the first splitter."""
    console = wide_console()
    first = systems[0]
    systems = [system for system in systems if any(system == found for _, _, found in results)]
    conditions = list(dict.fromkeys(condition for _, condition, _ in results))
    versions = ", ".join(f"{name} {splitter_version(name)}" for name in systems)
    console.print(f"Python {platform.python_version()}, {versions}")
    for condition in conditions:
        table = Table(title=f"{condition}: boundary F1 / sentence F1 (corpora)")
        table.add_column("corpora")
        for system in systems:
            table.add_column(system, justify="right")
        for row, corpora in _rows(results, condition, per_corpus).items():
            cells = [
                _cell([results[c, condition, s] for c in corpora if (c, condition, s) in results]) for s in systems
            ]
            table.add_row(row, *cells)
        table.add_section()
        table.add_row("characters/s", *[_speed(results, condition, s) for s in systems])
        console.print(table)
    for corpus, condition, peer, ours, theirs in exceptions(results, first):
        console.print(f"below the best peer: {corpus} {condition}: {ours:.3f}, {peer} {theirs:.3f}")


def exceptions(results: Results, first: str) -> list[tuple[str, str, str, float, float]]:
    """Corpora and conditions on which a peer beats the first splitter by more than MARGIN, on the same texts.

    RETURNS (list): Corpus, condition, the best peer, our boundary F1, its boundary F1.
    """
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for (corpus, condition, system), result in results.items():
        ours = results.get((corpus, condition, first))
        if system != first and ours is not None and ours.characters == result.characters:
            score = (result.boundaries.fscore, system)
            best[corpus, condition] = max(best.get((corpus, condition), score), score)
    found = []
    for (corpus, condition), (theirs, peer) in sorted(best.items()):
        own = results[corpus, condition, first].boundaries.fscore
        if own < theirs - MARGIN:
            found.append((corpus, condition, peer, own, theirs))
    return found


def as_json(results: Results) -> list[dict]:
    """RETURNS (list of dict): One row per corpus, condition and splitter."""
    return [
        {
            "corpus": corpus,
            "condition": condition,
            "system": system,
            "version": splitter_version(system),
            **result.as_json(),
        }
        for (corpus, condition, system), result in results.items()
    ]


def _rows(results: Results, condition: str, per_corpus: bool) -> dict[str, list[str]]:
    """Rows of a table: every corpus on request, then the macro of each folder, then of all."""
    corpora = list(dict.fromkeys(corpus for corpus, c, _ in results if c == condition))
    rows: dict[str, list[str]] = {corpus: [corpus] for corpus in corpora} if per_corpus else {}
    folders = defaultdict(list)
    for corpus in corpora:
        folders[corpus.split("/")[0]].append(corpus)
    return {**rows, **{f"{folder} (macro)": names for folder, names in folders.items()}, "all (macro)": corpora}


def _cell(results: list[SentenceFigures]) -> str:
    if not results:
        return "-"
    boundary = fmean(r.boundaries.fscore for r in results)
    return f"{boundary:.3f} / {fmean(r.sentences.fscore for r in results):.3f} ({len(results)})"


def _speed(results: Results, condition: str, system: str) -> str:
    chosen = [r for (_, c, s), r in results.items() if c == condition and s == system]
    seconds = sum(r.seconds for r in chosen)
    return f"{sum(r.characters for r in chosen) / seconds:,.0f}" if seconds else "-"
