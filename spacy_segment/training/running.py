"""Running text of many languages from the documentation and message catalogues of public packages, as silver training data.

`python -m spacy_segment.training.running PACKAGES OUTPUT` reads the packages (.deb, .tgz, .whl, or folders of their unpacked files)
that `configs/running.tsv` names, and writes OUTPUT/SOURCE/LANG.train.jsonl.gz. A paragraph starts a sentence; where a paragraph may
hold several, the embedded model tells where they start. The order of messages in a catalogue is that of the catalogue.
"""

import bz2
import csv
import gzip
import hashlib
import json
import logging
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from gettext import GNUTranslations
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import spacy
from spacy.language import Language

from .prose import DENSE, END, INNER, OPEN, UNMARKED, is_prose, language, paragraphs, unwrapped

TABLE = Path("configs/running.tsv")
# Characters of a language and source, and of a language; paragraphs that stay together; bounds of a document.
CAP, CAP_LANGUAGE = 300_000, 3_000_000
RUN = 40
DOCUMENT = 1500, 4000
CLIENTS = {"debian": ["apt-get", "download"], "npm": ["npm", "pack"], "pypi": ["pip", "download", "--no-deps"]}
# Folders that read like a language.
FOLDERS = {"bin", "doc", "img", "kde", "lib", "src", "usr", "ve", "www"}
# The sentence mark of Ethiopic, as it is often typed.
COLONS = re.compile(r"፡፡\s+")
logger = logging.getLogger(__name__)
Texts = Iterator[tuple[str, str]]


def files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in a package or in a folder."""
    if path.is_dir():
        yield from (
            (str(file.relative_to(path)), file.read_bytes()) for file in sorted(path.rglob("*")) if file.is_file()
        )
    elif path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            yield from ((name, wheel.read(name)) for name in sorted(wheel.namelist()))
    else:
        content = path.read_bytes()
        if path.suffix == ".deb":
            content = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=BytesIO(content)) as tar:
            for member in sorted((member for member in tar if member.isfile()), key=lambda member: member.name):
                if (file := tar.extractfile(member)) and member.size < 1 << 24:
                    yield member.name, file.read()


def read(name: str, content: bytes) -> Texts:
    """Languages and paragraphs of a file, of none that is of another kind; the English originals of a catalogue too."""
    if name.endswith(".bz2"):
        name, content = name.removesuffix("index.cache.bz2") + "index.html", bz2.decompress(content)
    for pattern, reader in READERS.items():
        if re.search(pattern, name):
            return reader(name.split("/"), content)
    return iter(())


def _catalogue(folders: list[str], content: bytes) -> Texts:
    lang = _locale(folders)
    messages = GNUTranslations(BytesIO(content))._catalog  # type: ignore[attr-defined]
    for source, text in messages.items():
        original = source[0] if isinstance(source, tuple) else source.rpartition("\x04")[2]
        for part in unwrapped(original, " "):
            yield "en", part
        if lang and lang != "en" and text != original:
            yield from ((lang, part) for part in unwrapped(text, "" if lang in DENSE else " "))


def _messages(folders: list[str], content: bytes) -> Texts:
    lang = _locale(folders) or language(folders[-1].removesuffix(".json"))
    yield from ((lang, text) for text in _strings(json.loads(content)))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from unwrapped(value, " ")
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _descriptions(folders: list[str], content: bytes) -> Texts:
    """An index of apt: a paragraph of a description ends with a line that is a full stop; indented lines are no prose."""
    locale = folders[-1].rpartition("Translation-")[2]
    for entry in content.decode().split("\n\n"):
        body = entry.partition(f"\nDescription-{locale}:")[2].partition("\n")[2]
        for part in re.split(r"\n \.(?:\n|$)", body):
            if "\n  " not in "\n" + part:
                yield language(locale), " ".join(part.split())


def _page(folders: list[str], content: bytes) -> Texts:
    """The language is what the page declares, else that of the end of its name, else that of a folder."""
    page = content.decode("utf-8", "replace")
    in_name = re.findall(r"\.([a-z]{2,3}(?:[_-][A-Za-z]{2,4})?)\.(?:html|utf8)$", folders[-1])
    places = [*in_name, *(folder for folder in folders[1:-1] if folder not in FOLDERS)]
    declared = re.search(r"<html[^>]* (?:xml:)?lang=[\"']([\w-]+)", page[:2000])
    lang = language(declared[1]) if declared else next(filter(None, map(language, places)), "")
    yield from ((lang, text) for text in paragraphs(page))


def _locale(folders: list[str]) -> str:
    """The language that a catalogue is filed under, "" for none."""
    return language(folders[folders.index("LC_MESSAGES") - 1]) if "LC_MESSAGES" in folders else ""


# Kinds of files by their names.
READERS: dict[str, Callable[[list[str], bytes], Texts]] = {
    r"\.mo$": _catalogue,
    r"\.json$": _messages,
    r"Translation-[^/]*$": _descriptions,
    r"\.(?:x?html?|page|docbook|utf8)$": _page,
}


def package_name(path: Path) -> str:
    """The name of a downloaded package, or of the folder of its files: NAME_VERSION.deb, NAME-VERSION.tgz or .whl, NAME."""
    return path.name if path.is_dir() else re.split("_" if path.suffix == ".deb" else r"-\d", path.name)[0]


def collect(packages: Iterable[Path], sources: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    """Clean paragraphs of every language and source, each once; nothing in English but under `en`."""
    groups: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    english: set[str] = set()
    for package in packages:
        source = sources.get(package_name(package))
        for file, content in files(package) if source else ():
            try:
                for lang, text in read(file, content):
                    if lang == "en":
                        english.add(text)
                    ended = END.search(text) or ((lang in UNMARKED or source == "rights") and not OPEN.search(text))
                    if lang and source and ended and is_prose(text, lang):
                        groups[lang, source][text] = None
            except (ValueError, OSError, IndexError) as error:
                logger.warning("Left out: %s of %s: %s", file, package.name, error)
    return {key: [t for t in texts if key[0] == "en" or t not in english] for key, texts in sorted(groups.items())}


def starts(nlp: Language, texts: list[str], lang: str) -> Iterator[list[int]]:
    """Where the sentences of every paragraph start: by the model, or at 0 alone where no mark stands within."""
    open_ones = [text for text in texts if lang in UNMARKED or INNER.search(text[:-1])]
    found: dict[str, list[int]] = {}
    for first in range(0, len(open_ones), 100):
        batch = open_ones[first : first + 100]
        labelled = [token.idx for token in nlp("\n\n".join(batch)) if token.is_sent_start and not token.is_space]
        at = 0
        for text in batch:
            marked = {match.end() for match in COLONS.finditer(text)}
            found[text] = sorted({0} | marked | {start - at for start in labelled if at < start < at + len(text)})
            at += len(text) + 2
    yield from (found.get(text, [0]) for text in texts)


def chosen(texts: list[str], cap: int) -> list[str]:
    """Runs of paragraphs from all over, of so many characters in all, in their order."""
    runs = [list(range(first, min(first + RUN, len(texts)))) for first in range(0, len(texts), RUN)]
    picked: list[int] = []
    for run in sorted(runs, key=lambda run: hashlib.md5(texts[run[0]].encode()).digest()):
        if cap <= 0:
            break
        picked += run
        cap -= sum(len(texts[number]) for number in run)
    return [texts[number] for number in sorted(picked)]


def documents(nlp: Language, lang: str, source: str, texts: list[str], cap: int) -> Iterator[dict[str, object]]:
    """Records of consecutive paragraphs. One that ends without a mark is followed by a newline, as is one document in five."""
    kept = chosen(texts, cap)
    text, spans, number = "", list[list[int]](), 0

    def record(number: int) -> dict[str, object]:
        name = f"{source}/{lang}"
        return {"id": f"{name}-{number}", "lang": lang, "treebank": name, "text": text, "sents": spans}

    for paragraph, begins in zip(kept, starts(nlp, kept, lang), strict=True):
        rest = int(hashlib.md5(f"{lang}{source}{number}".encode()).hexdigest(), 16)
        if text:
            joint = "" if lang in DENSE else " "
            if rest % 5 == 0 or (not END.search(text) and lang not in UNMARKED):
                joint = "\n" * (1 + rest % 2)
            text += joint
        bounds = [*begins, len(paragraph)]
        for start, end in pairwise(bounds):
            spans.append([len(text) + start, len(text) + start + len(paragraph[start:end].rstrip())])
        text += paragraph
        if len(text) >= DOCUMENT[0] + rest % (DOCUMENT[1] - DOCUMENT[0]):
            yield record(number)
            text, spans, number = "", [], number + 1
    if text:
        yield record(number)


def write(groups: dict[tuple[str, str], list[str]], output: Path, cap: int = CAP, smallest: int = 2000) -> None:
    """A file for every language and source of at least so many characters, the small ones first."""
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentence_segmenter")
    nlp.max_length = 10**8
    left: dict[str, int] = defaultdict(lambda: CAP_LANGUAGE)
    for (lang, source), texts in sorted(groups.items(), key=lambda item: sum(map(len, item[1]))):
        if (size := sum(map(len, texts))) >= smallest and left[lang] > 0:
            left[lang] -= min(size, cap)
            (output / source).mkdir(parents=True, exist_ok=True)
            with gzip.GzipFile(output / source / f"{lang}.train.jsonl.gz", "wb", mtime=0) as file:
                for record in documents(nlp, lang, source, texts, cap):
                    file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())


def download(rows: list[dict[str, str]], folder: Path) -> None:
    """Fetch the packages by the clients of their registries; what has none, Debian's translated descriptions, is left out."""
    folder.mkdir(parents=True)
    for registry, command in CLIENTS.items():
        for row in rows:
            if (
                row["registry"] == registry
                and subprocess.run([*command, row["package"]], cwd=folder, check=False).returncode
            ):
                logger.warning("Left out: %s", row["package"])


def main(packages: Path, output: Path) -> None:
    """Read the packages, which are downloaded if their folder is missing, and write the files."""
    with TABLE.open(encoding="utf8") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    if not packages.exists():
        download(rows, packages)
    write(collect(sorted(packages.iterdir()), {row["package"]: row["source"] for row in rows}), output)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
