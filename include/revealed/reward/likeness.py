"""How much an item's words are like those of a person's last items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WORDS = 20_000
_ROWS_AT_ONCE = 50_000


class Likeness:
    """TF-IDF vectors of a catalogue's texts, by the item's number; items without words are like nothing."""

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        try:
            self._vectors = csr_matrix(
                TfidfVectorizer(max_features=_WORDS, sublinear_tf=True).fit_transform(texts)
            )
        except ValueError:  # no text has a word
            self._vectors = csr_matrix((len(texts), 1))

    def of(self, owners: Ints, pasts: Ints, rows: Ints, items: Ints) -> Floats:
        """Return the mean cosine between each row's item and the items of its past; 0 where either is unknown.

        Args:
            owners: the row that each entry of `pasts` belongs to, ascending.
            pasts: numbers of items of a past.
            rows: the rows asked for, ascending.
            items: number of each row's item, -1 where the catalogue lacks it.
        """
        likeness = np.zeros(len(rows))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            likeness[part] = self._part(owners, pasts, rows[part], items[part])
        return likeness

    def _part(self, owners: Ints, pasts: Ints, rows: Ints, items: Ints) -> Floats:
        low, high = np.searchsorted(owners, [rows[0], rows[-1] + 1])
        at = np.searchsorted(rows, owners[low:high])
        ones = np.ones(high - low)
        shape = (len(rows), self._vectors.shape[0])
        past = csr_matrix((ones, (at, pasts[low:high])), shape=shape)
        own = self._vectors[np.maximum(items, 0)]
        total = np.asarray((past @ self._vectors).multiply(own).sum(axis=1)).ravel()
        known = np.bincount(at, minlength=len(rows))
        return np.where(items >= 0, total / np.maximum(known, 1), 0.0)
