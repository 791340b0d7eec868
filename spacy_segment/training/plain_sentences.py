"""A plain splitter for texts with gold topics but without gold sentences."""

import re

# After closing punctuation before white space, after CJK full stops, at newlines.
SENTENCE_END = re.compile(r"(?:[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[”’」』）]*|\n)\s*")
LINE_END = re.compile(r"\n\s*")


def sentence_starts(text: str, kind: str = "rule") -> list[int]:
    """Character offsets of sentences. kind (str): "rule" or "lines"."""
    pattern = LINE_END if kind == "lines" else SENTENCE_END
    return [0, *(found.end() for found in pattern.finditer(text) if found.end() < len(text))]
