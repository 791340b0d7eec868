"""A plain splitter for texts with gold topics but without gold sentences."""

import re

# After closing punctuation before white space, after CJK full stops, at newlines.
SENTENCE_END = re.compile(r"(?:[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[”’」』）]*|\n)\s*")
LINE_END = re.compile(r"\n\s*")
# Where sentences end, by the names that settings have.
SENTENCES = {"rule": SENTENCE_END, "lines": LINE_END}


def sentence_starts(text: str, kind: str = "rule") -> list[int]:
    """Character offsets of sentences. kind (str): Of `SENTENCES`."""
    return [0, *(found.end() for found in SENTENCES[kind].finditer(text) if found.end() < len(text))]
