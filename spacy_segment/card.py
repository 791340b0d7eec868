"""Model cards: what a pipeline is, what it was trained on and under which licences, what it reaches, where it fails."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from spacy.language import Language

from .errors import Errors
from .tables import markdown, threshold_words

COLUMNS = ("corpus", "repository", "commit", "licence")
# Columns of figures, as `segment-evaluate` writes them: name, heading, whether more is better.
FIGURES = {
    "sentence_segmenter": [("boundary_f", "boundary F1", True), ("sents_f", "sentence F1", True)],
    "topic_segmenter": [("pk", "Pk", False), ("wd", "WindowDiff", False), ("b", "B", True), ("f", "boundary F1", True)],
}
N_WEAKEST = 5
# Why a pipeline is larger than the weights that it may have begun with.
PRECISION = "weights in full (float32); those that come with spacy-segment are packed, as float16 and int8"
SETTINGS = ("threshold", "newlines", "units", "levels", "min_length", "max_length")


@dataclass(frozen=True)
class Source:
    """Where a corpus comes from. corpus: its name, or a pattern of names; commit: a hash, words that say where it stands, or empty."""

    corpus: str
    repository: str
    commit: str
    licence: str

    @property
    def url(self) -> str:
        """Empty if the repository is not known."""
        commit = f"/tree/{self.commit}" if self.commit and " " not in self.commit else ""
        return f"https://github.com/{self.repository}{commit}" if self.repository else ""


def read_sources(path: Path) -> list[Source]:
    """Read a table of sources: tab-separated, with the columns corpus, repository, commit, licence.

    RAISES (ValueError): SEG138 if columns are missing.
    """
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter="\t")
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(Errors.SEG138.format(path=path, columns=", ".join(COLUMNS), found=reader.fieldnames))
    return [Source(*(row[column] or "" for column in COLUMNS)) for row in reader]


def find_sources(corpora: Iterable[str], sources: list[Source]) -> dict[Source, list[str]]:
    """Sources of corpora, with the names of their corpora; a corpus that no source knows counts as one of its own."""
    found: dict[Source, list[str]] = defaultdict(list)
    for corpus in corpora:
        known = [source for source in sources if fnmatch(corpus, source.corpus)]
        for source in known or [Source(corpus, "", "", "unknown")]:
            found[source].append(corpus)
    return found


def describe(
    nlp: Language, found: dict[Source, list[str]], findings: list[dict[str, Any]], n_bytes: int
) -> dict[str, Any]:
    """What goes into `meta.json` beside what spaCy puts there: short enough for `spacy info`, which leaves out "performance"."""
    settings = {
        name: {key: pipe.cfg[key] for key in SETTINGS if key in pipe.cfg}
        for name, pipe in nlp.pipeline
        if nlp.get_pipe_meta(name).factory in FIGURES
    }
    return {
        "sources": _by_owner(found),
        "performance": {
            **nlp.meta.get("performance", {}),
            **{finding["component"]: _by_corpus(finding) for finding in findings},
        },
        "segment": {
            "settings": settings,
            "bytes": n_bytes,
            "figures": {
                finding["component"]: {name: _short(mean, mean) for name, mean in finding["macro"].items()}
                for finding in findings
            },
            "limits": _limits(findings),
        },
    }


def card(meta: dict[str, Any], found: dict[Source, list[str]], findings: list[dict[str, Any]]) -> str:
    """RETURNS (str): The card in Markdown. Every figure of it is one of `findings` (or a size)."""
    name = f"{meta['lang']}_{meta['name']}"
    features = [
        ("Version", meta["version"]),
        ("spaCy", meta["spacy_version"]),
        ("Requires", ", ".join(meta["requirements"])),
        ("Components", ", ".join(meta["pipeline"])),
        ("Size", f"{meta['segment']['bytes'] / 1e6:.1f} MB, {PRECISION}"),
        ("Licence of the weights", meta["license"]),
        *((f"Settings of {n}", _settings(given)) for n, given in meta["segment"]["settings"].items()),
    ]
    parts = [f"# {name}", meta["description"], _usage(name), markdown(["", ""], features)]
    for finding in findings:
        parts += results(finding)
    limits = "\n".join(f"- {limit}" for limit in meta["segment"]["limits"])
    return "\n\n".join([*parts, "## Limits", limits, *_data(found)]) + "\n"


def results(finding: dict[str, Any]) -> list[str]:
    """A table over conditions, one over corpora. finding (dict): What `segment-evaluate` wrote. RAISES (KeyError, TypeError): If it is something else."""
    figures = FIGURES[finding["component"]]
    headings = [heading for _, heading, _ in figures]
    means = [
        [condition, *(mean[key] for key, _, _ in figures), round(mean["speed"])]
        for condition, mean in finding["macro"].items()
    ]
    rows = [[row["corpus"], row["condition"], *(row[key] for key, _, _ in figures)] for row in finding["rows"]]
    return [
        f"## Results of {finding['component']}",
        f"{threshold_words(finding['threshold'])}; means over corpora; {finding['unit']}/s in the model, on the machine "
        "that the figures were made on.",
        markdown(["condition", *headings, f"{finding['unit']}/s"], means),
        "<details><summary>Every corpus</summary>",
        markdown(["corpus", "condition", *headings], rows),
        "</details>",
    ]


def _usage(name: str) -> str:
    return f'```python\nimport spacy\n\nnlp = spacy.load("{name}")\ndoc = nlp("It rained all night. We stayed at home.")\n```'


def _settings(given: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in given.items() if value not in (None, 0))


def _by_corpus(finding: dict[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Condition -> corpus -> figures."""
    names = [name for name, _, _ in FIGURES[finding["component"]]]
    found: dict[str, dict[str, dict[str, float]]] = {condition: {} for condition in finding["macro"]}
    for row in finding["rows"]:
        found[row["condition"]][row["corpus"]] = _short(row, names)
    return found


def _short(figures: dict[str, float], names: Iterable[str]) -> dict[str, float]:
    """With the three places of the tables; speeds without any."""
    return {name: round(figures[name]) if name == "speed" else round(figures[name], 3) for name in names}


def _by_owner(found: dict[Source, list[str]]) -> list[dict[str, str]]:
    """spaCy's entries of sources, one for each owner of repositories and licence; corpora of a folder are counted."""
    groups: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for source, corpora in found.items():
        groups[source.repository.split("/")[0], source.licence].update(dict.fromkeys(corpora))
    return [
        {"name": _folders(corpora), "url": f"https://github.com/{owner}" if owner else "", "license": licence}
        for (owner, licence), corpora in groups.items()
    ]


def _folders(corpora: Iterable[str]) -> str:
    """Folders of corpora with their numbers, as in "ud (85), tos"."""
    counts = Counter(corpus.split("/")[0] for corpus in corpora)
    return ", ".join(f"{folder} ({n})" if n > 1 else folder for folder, n in counts.items())


def _limits(findings: list[dict[str, Any]]) -> list[str]:
    """The corpora it does worst on, and what was not measured."""
    parts = []
    for finding in findings:
        key, heading, up = FIGURES[finding["component"]][0]
        for condition in finding["macro"]:
            rows = [row for row in finding["rows"] if row["condition"] == condition]
            worst = sorted(rows, key=lambda row: row[key] if up else -row[key])[:N_WEAKEST]
            listed = ", ".join(f"{row['corpus']} {row[key]:.3f}" for row in worst)
            parts.append(f"{finding['component']}, {condition}: {heading} is worst on {listed}.")
    return [*parts, "On kinds of text and languages outside these data nothing was measured."]


def _data(found: dict[Source, list[str]]) -> list[str]:
    if not found:
        return ["## Data", "Not named."]
    rows = [
        [", ".join(corpora), _link(source), source.commit or "-", source.licence] for source, corpora in found.items()
    ]
    licences = ", ".join(sorted({source.licence for source in found}))
    table = markdown(["corpora", "source", "commit", "licence"], rows)
    return ["## Data", f"Licences of the training data: {licences}.", table]


def _link(source: Source) -> str:
    return f"[{source.repository}]({source.url})" if source.repository else "-"
