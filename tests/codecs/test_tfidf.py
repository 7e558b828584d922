from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from recurra.codecs import tfidf as module
from recurra.codecs.tfidf import Sparse, Tfidf
from recurra.codecs.words import word_pattern
from recurra.errors import BundleError


def oracle(known: list[str], asked: list[str], unit: str, least: int) -> tuple[Any, Any]:
    """What scikit-learn makes of the same texts."""
    options: dict[str, Any] = {"sublinear_tf": True, "dtype": np.float32, "min_df": least}
    if unit == "words":
        options |= {"token_pattern": word_pattern().pattern, "ngram_range": (1, 2)}
    else:
        framed = {"preprocessor": lambda text: f" {text.lower()} "}
        options |= {"analyzer": "char", "ngram_range": (1, 4)} | framed
    vectors = TfidfVectorizer(**options)
    return vectors.fit_transform(known), vectors.transform(asked)


def matrix(rows: Sparse, size: int) -> Any:
    """The same as scikit-learn has it."""
    ends = np.concatenate([[0], np.cumsum(rows.counts)])
    return csr_matrix((rows.values, rows.columns, ends), (len(rows.counts), size))


def tfidf(known: list[str], asked: list[str], unit: str) -> tuple[Any, Any]:
    """The rows of what was learnt from, and of others by what a run keeps of it."""
    learnt = Tfidf.learn(known, unit)
    again = Tfidf.from_arrays(learnt.to_arrays())
    return matrix(learnt.rows(known), len(learnt)), matrix(again.rows(asked), len(again))


def some(count: int, seed: int) -> list[str]:
    """Texts of several scripts, of 1 to 30 characters; some end in what others begin with."""
    draw = np.random.default_rng(seed)
    letters = list("aabbcC dİß 영화가 👍👎.,!")
    return ["".join(draw.choice(letters, draw.integers(1, 30))) + "x" for _ in range(count)]


@pytest.mark.parametrize("unit", ["characters", "words"])
@pytest.mark.parametrize("least", [1, 2])
def test_it_is_what_scikit_learn_counts(
    unit: str, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ENOUGH", 1000 if least == 1 else 10)
    known, asked = some(200, 1), [*some(40, 2), "本 unknown", "?"]
    mine, theirs = tfidf(known, asked, unit), oracle(known, asked, unit, least)
    for one, other in zip(mine, theirs, strict=True):
        assert one.shape == other.shape
        assert one.nnz == other.nnz
        # Columns stand in another order: each has the same values somewhere.
        np.testing.assert_allclose(
            np.sort(one.toarray().T @ np.arange(1, 1 + one.shape[0])),
            np.sort(other.toarray().T @ np.arange(1, 1 + one.shape[0])),
            rtol=1e-4,
        )
    np.testing.assert_allclose(
        (mine[1] @ mine[0].T).toarray(), (theirs[1] @ theirs[0].T).toarray(), atol=1e-6
    )


def test_texts_that_have_no_word_in_common_still_have_words() -> None:
    known = [f"word{n}" for n in range(1200)]
    rows, asked = tfidf(known, ["word7", "other"], "words")
    assert rows.shape == (1200, 1200)
    assert asked.nnz == 1


def test_what_is_no_tfidf_is_refused() -> None:
    whole = Tfidf.learn(["a b a", "b c"], "words").to_arrays()
    for name, other in (
        ("weights", whole["weights"][1:]),
        ("weights", np.full_like(whole["weights"], np.nan)),
        ("level.0", whole["level.0"][::-1]),
        ("level.1", whole["level.1"].astype(float)),
    ):
        with pytest.raises(BundleError, match="n-grams"):
            Tfidf.from_arrays(whole | {name: other})
