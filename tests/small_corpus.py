"""A small corpus of our own making, or a slice of a big one: what the smoke run and some tests train on."""

import gzip
import json
import random
from pathlib import Path

SPLITS = {"train": 24, "dev": 6, "test": 6}
THEMES = {
    "cooking": ("the baker", "a cook", "my aunt", "kneads", "stirs", "tastes", "the dough", "a soup", "the sauce"),
    "sailing": ("the skipper", "a sailor", "our crew", "hoists", "mends", "trims", "the sail", "an anchor", "the rope"),
    "gardens": (
        "the gardener",
        "a neighbour",
        "the girl",
        "waters",
        "prunes",
        "plants",
        "the roses",
        "a hedge",
        "beans",
    ),
    "trains": (
        "the driver",
        "a guard",
        "the clerk",
        "checks",
        "repairs",
        "signals",
        "the engine",
        "a ticket",
        "the line",
    ),
}
ENDINGS = ("before noon", "every Monday", "without a word", "in the rain", "near Dr. Mill's house", "at 9.30 a.m.")
# So much of every document and so many corpora of every folder are in a slice.
N_CORPORA, N_DOCUMENTS, LONGEST = 1, 3, 6_000


def sentence(rng: random.Random, theme: str) -> str:
    """One sentence about a theme."""
    words = THEMES[theme]
    parts = [rng.choice(words[:3]), rng.choice(words[3:6]), rng.choice(words[6:]), rng.choice(ENDINGS)]
    text = " ".join(parts)
    return text[0].upper() + text[1:] + rng.choice((".", ".", "!", "?"))


def sentence_document(rng: random.Random, name: str) -> dict:
    """About ten sentences, with spaces and newlines between them."""
    text, sents = "", []
    for _ in range(rng.randint(6, 12)):
        text += rng.choice((" ", " ", "\n")) if text else ""
        start = len(text)
        text += sentence(rng, rng.choice(list(THEMES)))
        sents.append([start, len(text)])
    return {"id": name, "lang": "en", "text": text, "sents": sents}


def topic_document(rng: random.Random, name: str) -> dict:
    """Three topics of some sentences each."""
    text, sections = "", []
    for theme in rng.sample(list(THEMES), 3):
        start = len(text)
        text += " ".join(sentence(rng, theme) for _ in range(rng.randint(3, 7))) + "\n\n"
        sections.append({"start": start, "end": len(text), "title": theme.title(), "label": theme, "level": 1})
    text = text.rstrip()
    sections[-1]["end"] = len(text)
    return {"id": name, "lang": "en", "text": text, "sections": sections}


def write_corpus(folder: Path) -> None:
    """Write `sentences/FOLDER/NAME.SPLIT.jsonl.gz` and `topics/CORPUS/SPLIT.jsonl.gz`."""
    rng = random.Random(0)
    for split, n in SPLITS.items():
        for corpus in ("stories/en_one", "letters/en_two"):
            rows = [sentence_document(rng, f"{split}-{i}") for i in range(n)]
            write_lines(folder / "sentences" / f"{corpus}.{split}.jsonl.gz", rows)
        for corpus in ("themes", "days"):
            rows = [topic_document(rng, f"{split}-{i}") for i in range(n)]
            write_lines(folder / "topics" / corpus / f"{split}.jsonl.gz", rows)


def write_slice(data: Path, folder: Path) -> None:
    """Write the first documents of the first corpora of every folder of a big corpus of the same layout."""
    for kind, pattern in (("sentences", "*.train.jsonl.gz"), ("topics", "train.jsonl.gz")):
        for directory in sorted(path for path in (data / kind).iterdir() if path.is_dir()):
            for path in sorted(directory.glob(pattern))[:N_CORPORA]:
                for split in SPLITS:
                    source = path.with_name(path.name.replace("train", split))
                    if rows := first_rows(source) if source.exists() else []:
                        write_lines(folder / kind / directory.name / source.name, rows)


def first_rows(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = (json.loads(line) for line in file)
        short = (row for row in rows if len(row["text"]) < LONGEST)
        return [row for row, _ in zip(short, range(N_DOCUMENTS), strict=False)]


def write_lines(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0))
