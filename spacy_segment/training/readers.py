from bisect import bisect_left, bisect_right

import numpy as np

from .augmenters import make_example
from .formats import find_files, read_records


def name_of(f):
    return f"{f.parent.name}/{f.name.split('.')[0]}"


def SentenceCorpus(path: str, augmenter: object = None, max_chars: int = 0, limit_chars: int = 0, shuffle: bool = False):
    def read(nlp):
        for f in find_files(path):
            left = limit_chars or 10**12
            for rec in read_records(f):
                text, starts = rec.text, rec.starts
                if len(text) > left:
                    k = bisect_right(starts, left) - 1
                    if k < 1:
                        k = 1
                    cut = starts[k] if k < len(starts) else len(text)
                    text, starts = text[:cut], starts[:k]
                left -= len(text)
                eg = make_example(nlp, text, starts, None, name_of(f))
                yield from (augmenter(nlp, eg) if augmenter else [eg])
                if left <= 0:
                    break

    return read


def MixedCorpus(path: str, lengths: list[int], weights: dict[str, float], augmenter: object = None, exponent: float = 0.5, join: float = 0.05, seed: int = 0):
    def read(nlp):
        rng = np.random.default_rng(seed)
        corpora = []
        for f in find_files(path):
            recs = [(r.text, r.starts) for r in read_records(f) if r.starts]
            n = np.array([len(t) for t, _ in recs], dtype=float)
            corpora.append((name_of(f), recs, n / n.sum(), n.sum() ** exponent * weights.get(f.parent.name, 1.0)))
        p = np.array([c[3] for c in corpora])
        cdf = np.cumsum(p / p.sum())
        cdfs = [np.cumsum(c[2]) for c in corpora]

        def crop():
            k = min(int(np.searchsorted(cdf, rng.random())), len(corpora) - 1)
            name, recs, _, _ = corpora[k]
            text, starts = recs[min(int(np.searchsorted(cdfs[k], rng.random())), len(recs) - 1)]
            want = lengths[rng.integers(len(lengths))]
            i = int(rng.integers(len(starts)))
            begin = starts[i]
            if rng.random() < 0.3:
                nxt = starts[i + 1] if i + 1 < len(starts) else len(text)
                begin = int(rng.integers(begin, max(begin + 1, nxt)))
                sp = text.find(" ", begin, nxt)
                begin = sp + 1 if 0 <= sp < nxt - 1 else begin
            j = bisect_left(starts, begin + want)
            end = starts[j] if j < len(starts) else len(text)
            if rng.random() < 0.4:
                end = min(end, begin + want)
                sp = text.rfind(" ", begin, end)
                end = sp if sp > begin + 10 and end < len(text) else end
            piece = text[begin:end]
            a, b = bisect_right(starts, begin), bisect_left(starts, end)
            return name, piece, [0] + [s - begin for s in starts[a:b]]

        while True:
            name, text, starts = crop()
            if rng.random() < join:
                _, t2, s2 = crop()
                text = text.rstrip() + (" " if rng.random() < 0.5 else "\n")
                starts = starts + [s + len(text) for s in s2]
                text += t2
            if len(text.strip()) < 4:
                continue
            eg = make_example(nlp, text, starts, None, name)
            yield from (augmenter(nlp, eg) if augmenter else [eg])

    return read


def batch_by_bytes(size: int):
    def batch(examples):
        out, n = [], 0
        for eg in examples:
            out.append(eg)
            n += len(eg.predicted.text.encode("utf8", "surrogatepass"))
            if n >= size:
                yield out
                out, n = [], 0
        if out:
            yield out

    return batch
