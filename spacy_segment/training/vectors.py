"""Static vectors of sub-word pieces from the texts themselves: pieces of the same passages lie near each other."""

import itertools

import numpy as np
import torch
from tokenizers import Tokenizer

from ..models import serialize
from ..models.pieces import N_BUCKETS, tokenize
from ..models.weights import pretrained_path
from .formats import find_files
from .topic_formats import TopicRecord, read_topics
from .topic_readers import is_topic_file, sentence_starts

# Passages are sections, cut into parts of about so many characters.
PASSAGE = 3_000
ROUNDS = 4
OVERSAMPLING = 32


def train_vectors(
    path: str | list[str], vocabulary: str = "sentences", width: int = 128, seed: int = 0
) -> tuple[Tokenizer, np.ndarray]:
    """Latent semantic analysis of a topic corpus: the truncated singular vectors of pieces x passages, log-tf-idf.

    vocabulary (str): Weights in the package whose vocabulary is taken.
    RETURNS (tuple): The vocabulary, and (n_pieces + N_BUCKETS, width) vectors, each as long as its piece is telling
        (inverse document frequency, 1 in the mean); of pieces never seen, 0.
    RAISES (ValueError): SEG110, SEG141, SEG201.

    Deerwester et al. (1990), Indexing by latent semantic analysis; Halko et al. (2011) for the randomised decomposition.
    """
    _, meta = serialize.read(pretrained_path(vocabulary).read_bytes())
    tokenizer = Tokenizer.from_str(meta["tokenizer"])
    n_rows = meta["n_known"] + N_BUCKETS
    rows, counts, passages = [], [], []
    n_passages = 0
    for file in find_files(path, is_topic_file):
        for record in read_topics(file):
            for passage in _passages(record):
                pieces = tokenize(tokenizer, passage, n_known=meta["n_known"], see_newlines=False)
                ids, count = np.unique(pieces.features[:, 0], return_counts=True)
                rows.append(ids.astype(np.int64))
                counts.append(count)
                passages.append(np.full(len(ids), n_passages))
                n_passages += 1
    ids = np.concatenate(rows)
    frequency = np.bincount(ids, minlength=n_rows)
    telling = np.log(n_passages / np.maximum(frequency, 1)) * (frequency > 0)
    values = np.log1p(np.concatenate(counts)) * telling[ids]
    place = np.concatenate(passages)
    norms = np.sqrt(np.bincount(place, values**2, minlength=n_passages))
    values = values / np.maximum(norms[place], 1e-9)
    vectors = _left_vectors(ids, place, values, (n_rows, n_passages), width, seed)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return tokenizer, (vectors * (telling / telling[frequency > 0].mean())[:, None]).astype(np.float32)


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
    """Left singular vectors times singular values of a sparse matrix, (shape[0], width)."""

    def sparse(i: np.ndarray, j: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
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
    return (left * singular)[:, :width].numpy()
