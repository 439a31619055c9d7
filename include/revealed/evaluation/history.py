"""What was known before the test: the measure of how popular, how usual and how new a recommended item is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.evaluation.metrics import Csr


@dataclass(frozen=True)
class History:
    """The training's side of a comparison, over the item space that the contenders share.

    Attributes:
        feedback: the training's users × items; an entry above 0 is a like, any other is not.
        testers: the rows of `feedback` that the test users are, in the order of their lists.
        topics: one code an item, -1 where its topic is not known; None where nothing is known of topics.
        is_new: the items that count as new although somebody liked them already; None for none.
    """

    feedback: Csr
    testers: NDArray[np.int64]
    topics: NDArray[np.int32] | None = None
    is_new: NDArray[np.bool_] | None = None

    def likes_of_testers(self) -> Csr:
        """Return test users × items, 1 where the user liked the item before the test."""
        return liked(self.feedback[self.testers])


def liked(feedback: Csr) -> Csr:
    """Return the positive entries of a matrix as ones, and nothing else."""
    rows = np.repeat(np.arange(feedback.shape[0], dtype=np.int64), np.diff(feedback.indptr))
    kept = feedback.data > 0
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    return csr_matrix((ones, (rows[kept], feedback.indices[kept])), shape=feedback.shape)
