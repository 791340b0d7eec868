import glob
import gzip
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Record:
    text: str
    starts: list
    id: str
    lang: str


def find_files(paths):
    paths = [paths] if isinstance(paths, (str, Path)) else paths
    out = []
    for p in paths:
        out += [Path(x) for x in sorted(glob.glob(str(p)))]
    return out


def read_records(path, vocab=None):
    with gzip.open(path, "rt", encoding="utf8") as f:
        for line in f:
            o = json.loads(line)
            text, starts, end = o["text"], [], 0
            for s, e in o["sents"]:
                gap = text[end:s]
                if gap.strip():
                    starts.append(end + len(gap) - len(gap.lstrip()))
                starts.append(s)
                end = e
            tail = text[end:]
            if tail.strip():
                starts.append(end + len(tail) - len(tail.lstrip()))
            yield Record(text, starts, o["id"], o["lang"])
