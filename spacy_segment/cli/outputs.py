"""Segmented texts as text, JSONL, CoNLL-U or DocBin, written as they come, or as a page of HTML."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from spacy.tokens import Doc, DocBin, SpanGroup

from ..topics import main_spans, span_levels

# A DocBin is built in memory: a new file begins after so many tokens.
DOCBIN_TOKENS = 1_000_000
# What JSONL tells of a topic beside its place, label and level, and where the group of spans has it.
TOPIC_ATTRS = {"score": "scores", "label_score": "label_scores", "parent": "parents"}

# The last argument is the key of the topics in `Doc.spans`.
Writer = Callable[[BinaryIO, str, int, Doc, str], None]


def write_text(file: BinaryIO, name: str, offset: int, doc: Doc, key: str) -> None:
    """One sentence per line, a blank line between topics; white space inside a sentence becomes a single space."""
    topics = {span.start for span in main_spans(doc, key)}
    for sent in doc.sents:
        if sent.start in topics and sent.start + offset:
            file.write(b"\n")
        line = " ".join(sent.text.split())
        if line:
            file.write(f"{line}\n".encode("utf-8", "surrogatepass"))


def write_jsonl(file: BinaryIO, name: str, offset: int, doc: Doc, key: str) -> None:
    """One object per text (per part of a long one): "text", where it starts in the file, and "sents" as offsets.

    "topics", if there are any: start, end, label, level and, if known, probabilities and the place of the topic a part lies in.
    """
    sents = []
    for sent in doc.sents:
        text = sent.text
        left = len(text) - len(text.lstrip())
        if text.strip():
            start = sent.start_char + left
            sents.append([start, start + len(text.strip())])
    record: dict = {"id": name, "offset": offset, "text": doc.text, "sents": sents}
    if key in doc.spans:
        record["topics"] = _topics(doc.spans[key])
    file.write((json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass"))


def _topics(group: SpanGroup) -> list[dict]:
    """Spans and what is known of them; components of others need not say more than where they are."""
    columns = {"level": span_levels(group).tolist()}
    columns |= {name: np.asarray(group.attrs[key]).tolist() for name, key in TOPIC_ATTRS.items() if key in group.attrs}
    return [
        {"start": span.start_char, "end": span.end_char, "label": span.label_}
        | {name: column[i] for name, column in columns.items()}
        for i, span in enumerate(group)
    ]


def write_conllu(file: BinaryIO, name: str, offset: int, doc: Doc, key: str) -> None:
    """CoNLL-U with words alone, and whether white space follows them; tokens that are white space are left out.

    A comment `# topic = LABEL` stands before the first sentence of every topic.
    """
    topics = {span.start: span.label_ for span in main_spans(doc, key)}
    name = " ".join(name.split())  # a newline would end the comment
    lines = [f"# newdoc id = {name}"] if offset == 0 else []
    for sent in doc.sents:
        # Tokenizers of some languages leave white space in tokens, which would end a field.
        words = [(token, "".join(token.text.split())) for token in sent]
        words = [(token, form) for token, form in words if form]
        if not words:
            continue
        lines += [f"# topic = {topics[sent.start]}"] if sent.start in topics else []
        lines += [f"# sent_id = {name}:{offset + sent.start_char}", f"# text = {' '.join(sent.text.split())}"]
        for i, (token, form) in enumerate(words, start=1):
            glued = not token.whitespace_ and not (token.i + 1 < len(doc) and doc[token.i + 1].is_space)
            misc = "SpaceAfter=No" if glued else "_"
            lines.append("\t".join([str(i), form, *["_"] * 7, misc]))
        lines.append("")
    if lines and not lines[-1]:  # a comment without a sentence is no CoNLL-U
        file.write(("\n".join(lines) + "\n").encode("utf-8", "surrogatepass"))


WRITERS: dict[str, Writer] = {"text": write_text, "jsonl": write_jsonl, "conllu": write_conllu}


class Sink(Protocol):
    """Takes segmented texts as they come, in parts where they are long."""

    def add(self, name: str, offset: int, doc: Doc) -> None:
        """Take a part of the text of this name, which starts at character `offset` of it."""

    def close(self) -> None:
        """Write what is left."""


class Stream:
    """Writes every part at once."""

    def __init__(self, file: BinaryIO, write: Writer, key: str) -> None:
        self.file = file
        self.write = write
        self.key = key

    def add(self, name: str, offset: int, doc: Doc) -> None:
        self.write(self.file, name, offset, doc, self.key)

    def close(self) -> None:
        self.file.flush()


class HtmlPage:
    """One page for all texts, written at the end."""

    def __init__(self, file: BinaryIO, key: str) -> None:
        self.file = file
        self.key = key
        self.docs: list[Doc] = []

    def add(self, name: str, offset: int, doc: Doc) -> None:
        doc.user_data["title"] = Path(name).name
        self.docs.append(doc)

    def close(self) -> None:
        from ..visualize import make_page

        self.file.write(make_page(self.docs, spans_key=self.key).encode())
        self.file.flush()


class DocBinFiles:
    """DocBins `name.spacy`, `name-2.spacy`, ... so that memory stays bounded.

    open_file (Callable): Opens a file for writing that appears once everything is written.
    """

    def __init__(self, path: Path, open_file: Callable[[Path], BinaryIO]) -> None:
        self.path = path
        self.open_file = open_file
        self.file = open_file(path)  # now: what cannot be written is known before the work
        self.n_files = 0
        self._begin()

    def add(self, name: str, offset: int, doc: Doc) -> None:
        """Take a Doc that begins at a character of a file; what is full is written."""
        doc.user_data["source"] = name
        doc.user_data["offset"] = offset
        self.docs.add(doc)
        self.n_tokens += len(doc)
        if self.n_tokens >= DOCBIN_TOKENS:
            self.close()

    def close(self) -> None:
        """Write what has gathered; an empty file if there was nothing at all."""
        if len(self.docs) or not self.n_files:
            self.n_files += 1
            if self.n_files > 1:
                self.file = self.open_file(self.path.with_name(f"{self.path.stem}-{self.n_files}{self.path.suffix}"))
            self.file.write(self.docs.to_bytes())
            self._begin()

    def _begin(self) -> None:
        self.docs = DocBin(attrs=["SENT_START", "SPACY"], store_user_data=True)
        self.n_tokens = 0
