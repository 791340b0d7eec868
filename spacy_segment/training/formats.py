"""Gold sentences in files: JSONL, CoNLL-U, one sentence per line, DocBin. Bad records are named, never dropped."""

import gzip
import json
import os
import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from spacy.tokens import DocBin
from spacy.vocab import Vocab

from ..align import has_sents, sent_start_offsets
from ..errors import Errors
from ..files import files_at
from ..text import code_points, is_kind

# A record of sentences or of topics: it has a text.
AnyRecord = TypeVar("AnyRecord", bound=Any)


@dataclass(frozen=True)
class Record:
    """A document with gold sentences.

    starts (list of int): Character offsets at which segments start, ascending; segments tile the text.
    """

    text: str
    starts: list[int]
    id: str
    lang: str


Lines = Iterator[tuple[int, str]]
# Where a name of a file says its split.
SPLIT = re.compile(r"(?:^|[.-])(train|dev|test)(?=\.)")


def take(records: Iterable[AnyRecord], limit: int) -> Iterator[AnyRecord]:
    """Records until `limit` characters of their texts are reached (all for 0); the first one always."""
    size = 0
    for record in records:
        yield record
        size += len(record.text)
        if limit and size >= limit:
            return


def find_files(paths: str | Path | list[str] | list[Path], suffixes: Sequence[str] | None = None) -> list[Path]:
    """Files, folders (files of known formats below) and patterns -> files, sorted within each, each once.

    suffixes (sequence of str or None): Which files of a folder count, hidden ones aside; None for those of `READERS`.
    RAISES (ValueError): SEG110 if nothing is there, or no path is given; SEG111 for what cannot be looked at.
    """
    known = tuple(READERS) if suffixes is None else suffixes
    found: dict[Path, None] = {}
    given = [paths] if isinstance(paths, str | Path) else paths
    for path in given or [""]:
        try:
            files = files_at(str(path), lambda file: _suffix(file) in known)
        except OSError as error:
            raise bad_record(Path(path), 1, error) from error
        if not files:
            raise ValueError(Errors.SEG110.format(path=path, formats=", ".join(filter(None, known))))
        found.update(dict.fromkeys(map(Path, files)))
    return list(found)


def folder_name(file: Path) -> str:
    """RETURNS (str): Name of the folder a file is in, which its path need not say."""
    return Path(os.path.abspath(file)).parent.name


def split_of(file: Path) -> str | None:
    """RETURNS (str or None): "train", "dev" or "test", by the name of the file, as in `en_ewt.dev.jsonl` and `en_ewt-ud-dev.conllu`."""
    found = SPLIT.search(file.name)
    return found[1] if found else None


def corpus_name(file: Path) -> str:
    """RETURNS (str): "folder/name", by which figures are reported: without the split and the format, which files of one corpus differ in."""
    name = SPLIT.split(file.name)[0].removesuffix("-ud") if split_of(file) else _without_suffix(file.name)
    return f"{folder_name(file)}/{name}"


def by_corpus(files: Iterable[Path]) -> dict[str, list[Path]]:
    """Files by `corpus_name`: those of one folder and name are one corpus, whatever their splits."""
    corpora: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        corpora[corpus_name(file)].append(file)
    return corpora


def read_records(path: Path, vocab: Vocab | None = None) -> Iterator[Record]:
    """Read the documents of a file; its format follows from its name, `.gz` is unpacked.

    vocab (Vocab or None): Vocabulary for a DocBin.
    RAISES (ValueError): SEG110 for an unknown format; SEG111 naming file, line and reason.
    """
    kind = _suffix(path)
    if kind not in READERS:
        raise ValueError(Errors.SEG110.format(path=path, formats=", ".join(READERS)))
    if kind == ".spacy":
        yield from read_docbin(path, vocab)
        return
    number = 1
    try:
        with open(path, "rb") as raw:
            file = gzip.GzipFile(fileobj=raw) if path.name.endswith(".gz") else raw

            def lines() -> Lines:
                """Numbers and lines, decoded, without their ends."""
                nonlocal number
                number = 0
                for block in file:
                    for line in block.rstrip(b"\r\n").split(b"\r"):  # line ends of any system
                        number += 1
                        yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")

            yield from READERS[kind](lines(), path)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise bad_record(path, number, error) from error


def read_jsonl(lines: Lines, path: Path) -> Iterator[Record]:
    """One document per line: "text", "sents" as [[start, end], ...], and if you like "id" and "lang".

    Text between and around the spans becomes segments of its own.
    """
    for number, line in lines:
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            text, spans = data["text"], data["sents"]
            check_text(text)
            starts = tile(text, [(start, end) for start, end in spans])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            reason = f"no key {error}" if isinstance(error, KeyError) else error
            raise bad_record(path, number, reason) from error
        yield Record(text, starts, name_in(data, "id", number), name_in(data, "lang", "xx"))


def name_in(data: dict[str, Any], key: str, default: object) -> str:
    """What an object of JSON says of its name, language or such; the default too where it says null."""
    value = data.get(key)
    return str(default if value is None else value)


def check_text(text: object) -> None:
    """RAISES (ValueError): If it is no string, or one with half a surrogate pair, of which spaCy makes no Doc."""
    if not isinstance(text, str):
        raise ValueError('"text" is not a string')
    text.encode()


def tile(text: str, spans: list[tuple[int, int]]) -> list[int]:
    """Starts of the spans and of the text between them that is not white space.

    RAISES (ValueError): If spans overlap, descend, are empty, leave the text or are no numbers.
    """
    starts, previous = [], 0
    for start, end in [*spans, (len(text), len(text))]:
        if isinstance(start, bool) or isinstance(end, bool):
            raise ValueError(f"span [{start}, {end}] is no pair of numbers")
        if not previous <= start <= end <= len(text) or (start == end < len(text)):
            raise ValueError(f"span [{start}, {end}] overlaps, is empty or leaves the text of {len(text)} characters")
        gap = text[previous:start]
        if gap.strip():
            starts.append(previous + len(gap) - len(gap.lstrip()))
        if start < end:
            starts.append(start)
        previous = end
    return starts


def read_conllu(lines: Lines, path: Path) -> Iterator[Record]:
    """Universal Dependencies: "# newdoc" begins a document, "# newpar" stands for a newline before the sentence.

    The text of a sentence is "# text", or its tokens. Between sentences stands a space, unless the last token says
    SpaceAfter=No.
    """
    text, glue, name = "", "", path.stem
    starts: list[int] = []
    for number, comments, tokens in _sentences(lines, path):
        if "newdoc" in comments and text:
            yield Record(text, starts, name, _lang(path))
            text, starts, glue = "", [], ""
        name = comments.get("newdoc") or name
        surface = "".join(word + space for word, space in tokens)
        sentence = comments.get("text", surface).strip()
        if _characters(sentence) != _characters(surface):
            raise bad_record(path, number, f"'# text = {sentence[:40]}' does not match the tokens '{surface[:40]}'")
        if text:
            text += "\n" if "newpar" in comments else glue
        starts.append(len(text))
        text += sentence
        glue = tokens[-1][1]
    if text:
        yield Record(text, starts, name, _lang(path))


def _characters(text: str) -> str:
    """Without white space; composed, as some treebanks compose one of text and tokens alone."""
    return "".join(unicodedata.normalize("NFC", text).split())


def _sentences(lines: Lines, path: Path) -> Iterator[tuple[int, dict[str, str], list[tuple[str, str]]]]:
    """Number of the first line, comments, and (word, space after it) of every sentence."""
    comments: dict[str, str] = {}
    tokens: list[tuple[str, str]] = []
    first, inside_until = 1, 0
    for number, line in lines:
        if line.startswith("#"):
            key, _, value = line[1:].partition("=")
            comments[key.strip().removesuffix(" id")] = value.strip()
        elif line.strip():
            fields = line.split("\t")
            if len(fields) != 10:
                raise bad_record(path, number, f"a token line has 10 columns, this one {len(fields)}")
            ident = fields[0]
            found = re.fullmatch(r"(?:(\d{1,9})-)?(\d{1,9})(\.\d+)?", ident, re.ASCII)
            if not found:
                raise bad_record(path, number, f"'{ident[:20]}' is no number of a token")
            if found[3] or int(found[2]) <= inside_until:
                continue
            if not fields[1].strip():
                raise bad_record(path, number, f"token {ident} has no form")
            if found[1]:
                inside_until = int(found[2])
            first = first if tokens else number
            tokens.append((fields[1], "" if "SpaceAfter=No" in fields[9].split("|") else " "))
        elif tokens:
            yield first, comments, tokens
            comments, tokens, inside_until = {}, [], 0
    if tokens:
        yield first, comments, tokens


def read_lines(lines: Lines, path: Path) -> Iterator[Record]:
    """One sentence per line, an empty line between documents. Sentences are joined with a space, but with nothing
    after a character of a script without spaces.
    """
    text, starts, n_docs = "", [], 0
    for _, line in lines:
        sentence = line.strip()
        if sentence:
            if text and not is_kind(code_points(text[-1]), "unspaced")[0]:
                text += " "
            starts.append(len(text))
            text += sentence
        elif text:
            yield Record(text, starts, f"{path.stem}-{n_docs}", _lang(path))
            text, starts, n_docs = "", [], n_docs + 1
    if text:
        yield Record(text, starts, f"{path.stem}-{n_docs}", _lang(path))


def read_docbin(path: Path, vocab: Vocab | None) -> Iterator[Record]:
    """spaCy's own format; Docs need sentence starts.

    RAISES (ValueError): SEG111 with the number of the Doc as the line.
    """
    vocab = vocab or Vocab()
    try:
        data = path.read_bytes()
        docs = list(DocBin().from_bytes(gzip.decompress(data) if path.name.endswith(".gz") else data).get_docs(vocab))
    except Exception as error:  # read by code of others: it may be any
        raise bad_record(path, 1, f"not a DocBin ({error})") from error
    for number, doc in enumerate(docs, start=1):
        if not has_sents(doc):
            raise bad_record(path, number, "the Doc has no sentence starts")
        yield Record(doc.text, sent_start_offsets(doc).tolist(), f"{path.stem}-{number}", vocab.lang or "xx")


def bad_record(path: Path, line: int, reason: object) -> ValueError:
    """RETURNS (ValueError): SEG111, to be raised."""
    return ValueError(Errors.SEG111.format(path=path, line=line, reason=" ".join(str(reason).split())))


READERS: dict[str, Callable[..., Iterator[Record]]] = {
    ".jsonl": read_jsonl,
    ".conllu": read_conllu,
    ".txt": read_lines,
    ".spacy": read_docbin,
}


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix


def _without_suffix(name: str) -> str:
    return Path(name.removesuffix(".gz")).stem


def _lang(path: Path) -> str:
    """Language by the custom of treebank files: `en_ewt-ud-dev.conllu` is English."""
    code = path.name.split("_")[0].split(".")[0].split("-")[0]
    return code if 2 <= len(code) <= 3 and code.isalpha() and code.islower() else "xx"
