"""Static vectors of sub-word pieces: from the texts themselves, where pieces of the same passages lie near each other, and
from a sentence encoder.
"""

import itertools
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from ..errors import Errors
from ..files import write_atomically
from ..models import serialize
from ..models.pieces import N_BUCKETS
from ..models.weights import pretrained_path
from ..models.words import WordCutter
from .distillation import distill
from .formats import find_files
from .plain_sentences import sentence_starts
from .topic_formats import TopicRecord, read_topics
from .topic_readers import SUFFIXES
from .translations import fold_in

# Passages are sections, cut into parts of about so many characters.
PASSAGE = 3_000
ROUNDS = 4
OVERSAMPLING = 32
# Pieces of so many passages or fewer learn from translations as well.
RARE = 2
# Passages a teacher reads, of about so many characters, as many of every corpus.
N_TAUGHT = 10_000
TAUGHT = 300


def train_vectors(
    path: str | list[str],
    vocabulary: str = "sentences",
    width: int = 128,
    teacher: str | None = None,
    teacher_width: int = 96,
    seed: int = 0,
    checkpoint: str | None = None,
    translations: str | None = None,
) -> tuple[Tokenizer, np.ndarray]:
    """Vectors from latent semantic analysis of a topic corpus, beside vectors taught by a sentence encoder if there is one.

    vocabulary (str): Weights in the package whose vocabulary is taken.
    teacher (str or None): Directory or name of a Hugging Face sentence encoder; teacher_width (int): how many of the `width`
        columns are of its making.
    checkpoint (str or None): Checkpoint of the training these vectors are for. They are kept beside it, in a file of the same name that ends
        in `.vectors.safetensors`, and read from there by a run that goes on from it.
    translations (str or None): Files with gold sentences, the same documents in several languages, for vectors of pieces that the
        topic texts do not have or hardly ever, see `fold_in`.
    RETURNS (tuple): The vocabulary, and (n_pieces + N_BUCKETS, width) vectors. Both parts are 1 long in the mean over the
        pieces of the texts; pieces the texts do not have get random directions, so that other languages have lexical cohesion.
    RAISES (ValueError): SEG110, SEG141, SEG201, SEG211 if there is no passage, SEG310; SEG420 if the file beside the checkpoint is not that of these vectors;
        OSError: SEG421 if it cannot be written.
    """
    _, meta = serialize.read(pretrained_path(vocabulary).read_bytes())
    tokenizer, n_known = Tokenizer.from_str(meta["tokenizer"]), meta["n_known"]
    make = partial(_make_vectors, path, tokenizer, n_known, width, teacher, teacher_width, translations, seed)
    if checkpoint is None:
        return tokenizer, make()
    kept = Path(checkpoint).with_suffix(".vectors.safetensors")
    if Path(checkpoint).exists() and kept.exists():
        return tokenizer, _read_vectors(kept, (n_known + N_BUCKETS, width))
    vectors = make()
    try:
        write_atomically(kept, serialize.save({"vectors": torch.from_numpy(vectors)}, {}))
    except OSError as error:
        raise OSError(Errors.SEG421.format(path=kept, reason=error)) from error
    return tokenizer, vectors


def _read_vectors(path: Path, shape: tuple[int, int]) -> np.ndarray:
    try:
        tensors, _ = serialize.read(path.read_bytes())
        serialize.check_fit({"vectors": torch.empty(shape, device="meta")}, tensors)
    except ValueError as error:
        raise ValueError(Errors.SEG420.format(path=path, reason=error)) from error
    return tensors["vectors"].numpy()


def _make_vectors(
    path: str | list[str],
    tokenizer: Tokenizer,
    n_known: int,
    width: int,
    teacher: str | None,
    teacher_width: int,
    translations: str | None,
    seed: int,
) -> np.ndarray:
    corpora = {
        file: [passage for record in read_topics(file) for passage in _passages(record)]
        for file in find_files(path, SUFFIXES)
    }
    analysed = width if teacher is None else width - teacher_width
    cutter = WordCutter(tokenizer, n_known)
    bags = [cutter(passage)[0] for passages in corpora.values() for passage in passages]
    if not bags:
        raise ValueError(Errors.SEG211.format(path=path))
    vectors, telling = analyse(bags, n_known + N_BUCKETS, analysed, seed)
    if teacher is not None:
        sample = _sample(list(corpora.values()), np.random.default_rng(seed))
        taught = distill(sample, tokenizer, n_known, teacher=teacher, width=teacher_width, seed=seed)
        taught /= np.linalg.norm(taught, axis=1)[telling > 0].mean()
        vectors = np.hstack([taught, vectors])
    unseen = telling == 0
    vectors[unseen] = random_directions(len(vectors), width, seed)[unseen]
    vectors = vectors.astype(np.float32)
    if translations is None:
        return vectors
    is_known = ~unseen & (telling < np.log(len(bags) / RARE))
    return fold_in(vectors, is_known, translations, tokenizer, n_known)


def random_directions(n: int, width: int, seed: int) -> np.ndarray:
    """Random vectors for the pieces of a vocabulary in order of frequency, rare ones longer: 1 long in the mean, (n, width)."""
    vectors = np.random.default_rng(seed).standard_normal((n, width))
    lengths = np.log2(np.arange(n) + 2.0)
    vectors *= (lengths / np.linalg.norm(vectors, axis=1) / lengths.mean())[:, None]
    return vectors


def analyse(bags: list[np.ndarray], n_pieces: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Latent semantic analysis: the truncated singular vectors of pieces x passages, log-tf-idf.

    bags (list of ndarrays): The pieces of every passage.
    RETURNS (tuple): (n_pieces, width) vectors, each as long as its piece is telling (inverse document frequency, 1 in the
        mean), 0 for pieces never seen; and how telling each is, (n_pieces,).

    Deerwester et al. (1990), Indexing by latent semantic analysis; Halko et al. (2011) for the randomised decomposition.
    """
    counted = [np.unique(bag, return_counts=True) for bag in bags]
    ids = np.concatenate([ids for ids, _ in counted]).astype(np.int64)
    frequency = np.bincount(ids, minlength=n_pieces)
    telling = np.log(len(bags) / np.maximum(frequency, 1)) * (frequency > 0)
    values = np.log1p(np.concatenate([count for _, count in counted])) * telling[ids]
    place = np.repeat(np.arange(len(bags)), [len(ids) for ids, _ in counted])
    norms = np.sqrt(np.bincount(place, values**2, minlength=len(bags)))
    values = values / np.maximum(norms[place], 1e-9)
    vectors = _left_vectors(ids, place, values, (n_pieces, len(bags)), width, seed)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return vectors * (telling / telling[frequency > 0].mean())[:, None], telling


def _sample(corpora: list[list[str]], rng: np.random.Generator) -> list[str]:
    """Short passages for the teacher: a window of words out of passages, as many of every corpus."""
    sample = []
    for passages in corpora:
        for i in rng.integers(len(passages), size=N_TAUGHT // len(corpora)).tolist():
            first = int(rng.integers(max(1, len(passages[i]) - TAUGHT)))
            sample.append(passages[i][first : first + TAUGHT].strip())
    return [passage for passage in sample if passage]


def _passages(record: TopicRecord) -> list[str]:
    passages = []
    for section in record.sections:
        if section.level == 1:
            text = record.text[section.start : section.end]
            starts = np.asarray(sentence_starts(text, "rule"))
            cuts = [0, *starts[np.flatnonzero(np.diff(starts // PASSAGE)) + 1].tolist(), len(text)]
            passages += [text[a:b] for a, b in itertools.pairwise(cuts) if text[a:b].strip()]
    return passages


def _left_vectors(
    rows: np.ndarray, columns: np.ndarray, values: np.ndarray, shape: tuple[int, int], width: int, seed: int
) -> np.ndarray:
    """Left singular vectors times singular values of a sparse matrix, (shape[0], width); 0 beyond its smaller side."""

    def sparse(i: np.ndarray, j: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
        """The matrix of the values, or its transpose, by the order of `i` and `j`."""
        entries = torch.as_tensor(np.stack([i, j]))
        with torch.sparse.check_sparse_tensor_invariants(False):
            return (
                torch.sparse_coo_tensor(entries, torch.as_tensor(values.astype(np.float32)), size)
                .coalesce()
                .to_sparse_csr()
            )

    matrix, transposed = sparse(rows, columns, shape), sparse(columns, rows, shape[::-1])
    basis = torch.randn(shape[1], width + OVERSAMPLING, generator=torch.Generator().manual_seed(seed))
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(transposed @ torch.linalg.qr(matrix @ basis)[0])[0]
    left, singular, _ = torch.linalg.svd(matrix @ basis, full_matrices=False)
    found = (left * singular)[:, :width].numpy()
    return np.pad(found, ((0, 0), (0, width - found.shape[1])))
