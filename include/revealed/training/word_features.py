"""Texts as numbers: TF-IDF weights of their words, and the few axes that hold most of many words (latent semantic analysis).

The same numbers as scikit-learn's `TfidfVectorizer` and `TruncatedSVD`, to the bit (a test compares them), without its import,
which costs a rollback three quarters of a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from revealed.evaluation.metrics import Csr

Rows = NDArray[np.float32]
# More random directions than axes are asked for (Halko, Martinsson & Tropp 2011, algorithm 4.4), and powers taken of them.
_OVERSAMPLES, _POWERS = 10, 5


def word_weights(texts: Sequence[Sequence[str]], most: int) -> Csr:
    """Return TF-IDF weights, float32 `[texts, words]`, of words that two texts or more have; rows have length 1.

    (1 + ln tf)(1 + ln((1 + texts) / (1 + df))), words in ascending order. One column of zeros where no word is common.

    Args:
        texts: the words of each.
        most: how many words are kept at most: those that occur most often.
    """
    counts = _counts(texts)
    kept = np.flatnonzero(_texts_with(counts) >= 2)
    if not len(kept):
        return csr_matrix(np.zeros((len(texts), 1), dtype=np.float32))
    if len(kept) > most:
        occurrences = np.asarray(counts.sum(axis=0)).ravel()[kept]
        kept = np.sort(kept[(-occurrences).argsort()[:most]])
    return _weighed(counts[:, kept])


def main_axes(weights: Csr, axes: int, seed: int) -> Rows:
    """Return the rows of a matrix on its first singular vectors, float32 `[rows, axes]`.

    A randomised singular value decomposition (Halko, Martinsson & Tropp 2011) with normalised power iterations. Signs are
    settled by each axis' greatest loading, and one thread sums in one order: the same matrix gives the same bits.

    Args:
        weights: float32 `[rows, columns]`.
        axes: how many; at most as many as there are columns.
        seed: of the random directions.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        loadings = _right_vectors(weights, axes, np.random.RandomState(seed))
        greatest = np.abs(loadings).argmax(axis=1)
        signs = np.sign(loadings[np.arange(len(loadings)), greatest])
        return np.asarray(weights @ (loadings * signs[:, None]).T, dtype=np.float32)


def _counts(texts: Sequence[Sequence[str]]) -> Csr:
    """Return how often each text has each word, float32; words in ascending order.

    The entries of a row stand in the order in which words were first met, as scikit-learn has them: sums are made in it.
    """
    bags = [Counter(text) for text in texts]
    met = {word: at for at, word in enumerate(dict.fromkeys(word for bag in bags for word in bag))}
    columns = [met[word] for bag in bags for word in bag]
    values = [count for bag in bags for count in bag.values()]
    found = csr_matrix(
        (np.asarray(values, dtype=np.float32), np.asarray(columns, dtype=np.int32), _ends(bags)),
        shape=(len(texts), len(met)),
    )
    found.sort_indices()
    ranks = np.empty(len(met), dtype=np.int32)
    ranks[[met[word] for word in sorted(met)]] = np.arange(len(met), dtype=np.int32)
    return csr_matrix((found.data, ranks[found.indices], found.indptr), shape=found.shape)


def _ends(bags: Sequence[Counter[str]]) -> NDArray[np.int32]:
    """Return where the entries of each row begin, and where the last one's end."""
    return np.cumsum([0, *map(len, bags)], dtype=np.int32)


def _texts_with(counts: Csr) -> NDArray[np.int64]:
    """Return in how many texts each word is."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


def _weighed(counts: Csr) -> Csr:
    rarity = np.float32(counts.shape[0] + 1) / (_texts_with(counts).astype(np.float32) + np.float32(1))
    rarity = np.log(rarity) + np.float32(1)
    weights = (np.log(counts.data) + np.float32(1)) * rarity[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    squares = np.bincount(rows, weights=weights * weights, minlength=counts.shape[0])
    lengths = np.sqrt(np.where(squares > 0, squares, 1.0))
    data = (weights.astype(np.float64) / lengths[rows]).astype(np.float32)
    return csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)


def _normalised(directions: Rows) -> Rows:
    """Return directions of the same span whose numbers stay of one size: the lower factor of P L U, rows in place."""
    from scipy import linalg

    lower: Rows = linalg.lu(directions, permute_l=True, check_finite=False)[0]
    return lower


def _right_vectors(weights: Csr, axes: int, random: np.random.RandomState) -> Rows:
    """Return the first right singular vectors as rows, of either sign."""
    from scipy import linalg

    is_wide = weights.shape[0] < weights.shape[1]
    matrix = weights.T if is_wide else weights
    directions = random.normal(size=(matrix.shape[1], axes + _OVERSAMPLES)).astype(np.float32)
    for _ in range(_POWERS):
        directions = _normalised(matrix @ directions)
        directions = _normalised(matrix.T @ directions)
    basis, _ = linalg.qr(matrix @ directions, mode="economic", check_finite=False)
    left, _, right = linalg.svd(basis.T @ matrix, full_matrices=False)
    found = (basis @ left).T if is_wide else right
    return np.asarray(found[:axes], dtype=np.float32)
