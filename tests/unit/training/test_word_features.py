"""The words' weights and main axes are those of scikit-learn, to the bit: models of before go on with them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from threadpoolctl import threadpool_limits

from revealed.training.word_features import main_axes, word_weights

WORDS = st.lists(st.lists(st.sampled_from([*"abcdefgh", "é", "topic=a b", "_"]), max_size=12), max_size=12)


def weights_of_theirs(texts: list[list[str]], most: int) -> csr_matrix:
    vectorizer = TfidfVectorizer(
        analyzer=list, min_df=2, max_features=most, sublinear_tf=True, dtype=np.float32
    )
    return csr_matrix(vectorizer.fit_transform(texts))


def bits(matrix: csr_matrix) -> tuple[bytes, ...]:
    """The entries in the order in which they stand, in which products sum them."""
    return matrix.data.tobytes(), matrix.indices.tobytes(), matrix.indptr.tobytes()


@settings(max_examples=150, deadline=None)
@given(WORDS)
def test_weights_are_scikit_learns(texts: list[list[str]]) -> None:
    ours = word_weights(texts, 50)
    if not any(set(one) & set(other) for at, one in enumerate(texts) for other in texts[:at]):
        assert ours.shape == (len(texts), 1)
        assert not ours.toarray().any()
        return
    assert bits(ours) == bits(weights_of_theirs(texts, 50))


def texts_of(items: int, words: int, seed: int) -> list[list[str]]:
    random = np.random.default_rng(seed)
    rare = random.zipf(1.3, (items, 20)) % words
    return [[f"w{word}" for word in row] for row in rare]


def test_of_too_many_words_the_most_frequent_are_kept() -> None:
    texts = texts_of(200, 400, 1)
    assert bits(word_weights(texts, 37)) == bits(weights_of_theirs(texts, 37))


@pytest.mark.parametrize(("items", "words", "axes"), [(300, 200, 16), (60, 500, 20), (40, 500, 40)])
def test_axes_are_scikit_learns(items: int, words: int, axes: int) -> None:
    texts = texts_of(items, words, 2)
    weights = word_weights(texts, 10_000)
    with threadpool_limits(limits=1, user_api="blas"):
        expected = TruncatedSVD(axes, random_state=7).fit_transform(weights_of_theirs(texts, 10_000))
    assert main_axes(weights, axes, 7).tobytes() == np.asarray(expected, dtype=np.float32).tobytes()


WITHOUT = """
import sys
import revealed.training.item_content
from revealed.training.word_features import main_axes, word_weights
texts = [[f"w{at % 30}", f"w{at % 7}", f"w{at}"] for at in range(60)]
assert main_axes(word_weights(texts, 100), 8, 1).any()
print({"sklearn", "scipy.stats", "scipy.optimize", "pandas"} & set(sys.modules))
"""


def test_they_are_made_without_scikit_learn() -> None:
    """A rollback makes them, and would wait for its import."""
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
