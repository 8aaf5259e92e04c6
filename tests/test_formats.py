"""Every format gives back the matrix that it was given, and its bytes are those that it stores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minnet.formats import COO, CSR, NM, Bitmap, Blocks

SHAPES = st.tuples(st.integers(0, 40), st.integers(0, 40))


def random_matrix(shape, density, seed):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * (rng.random(shape) < density)).astype(np.float32)


@pytest.mark.parametrize("write", [COO.from_dense, CSR.from_dense, Bitmap.from_dense, Blocks.from_dense,
                                   lambda dense: Blocks.from_dense(dense, (3, 5)),
                                   lambda dense: NM.from_dense(dense, 5, 5)],
                         ids=["COO", "CSR", "bitmap", "blocks", "blocks 3×5", "5:5"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(shape=SHAPES, density=st.sampled_from((0, 0.05, 0.5, 1)), seed=st.integers(0, 2**32 - 1))
def test_there_and_back(write, shape, density, seed):
    dense = random_matrix(shape, density, seed)
    written = write(dense)
    np.testing.assert_array_equal(written.to_dense(), dense)
    assert written.to_dense().dtype == dense.dtype
    assert written.nbytes == sum(array.nbytes for array in written.arrays.values())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(shape=SHAPES, nm=st.sampled_from(((2, 4), (1, 4), (1, 1), (4, 8), (3, 7))), seed=st.integers(0, 2**32 - 1))
def test_n_of_m_there_and_back(shape, nm, seed):
    n, m = nm
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=shape).astype(np.float32)
    for row in dense:
        for start in range(0, len(row), m):
            group = row[start:start + m]
            group[rng.permutation(len(group))[n:]] = 0
    np.testing.assert_array_equal(NM.from_dense(dense, n, m).to_dense(), dense)


def test_n_of_m_refuses_a_full_group():
    with pytest.raises(ValueError, match="holds 3 numbers, but 2:4 allows 2"):
        NM.from_dense([[1, 1, 1, 0]])
    with pytest.raises(ValueError, match="0 < n ≤ m"):
        NM.from_dense([[1, 1, 1, 0]], 5, 4)


def test_wrong_shapes_raise():
    for write in (COO.from_dense, CSR.from_dense, Bitmap.from_dense, Blocks.from_dense, NM.from_dense):
        with pytest.raises(ValueError, match="2 axes"):
            write(np.zeros(3))
    with pytest.raises(ValueError, match="at least one row"):
        Blocks.from_dense(np.zeros((3, 3)), (0, 4))


def test_bytes_counted_by_hand():
    dense = np.zeros((8, 64), np.float32)
    dense[:, :16:4] = 1                                     # 32 numbers, 4 in each row
    assert COO.from_dense(dense).nbytes == 32 * (4 + 1 + 1)
    assert CSR.from_dense(dense).nbytes == 32 * (4 + 1) + 9
    assert Bitmap.from_dense(dense).nbytes == 32 * 4 + 8 * 64 // 8
    assert Blocks.from_dense(dense, (4, 4)).nbytes == 8 * (16 * 4 + 1) + 3
    assert NM.from_dense(dense, 1, 4).nbytes == 8 * 16 * 4 + 8 * 16 * 2 // 8
    wide = np.ones((2, 1000), np.float32)
    assert CSR.from_dense(wide).nbytes == 2000 * (4 + 2) + 3 * 2        # 1000 columns need 2 bytes


@pytest.mark.parametrize("shape, density", [((0, 5), 1), ((7, 5), 0), ((7, 300), 0.1), ((64, 48), 0.5)])
def test_like_scipy(shape, density):
    sparse = pytest.importorskip("scipy.sparse", reason="compares with scipy.sparse, which is not installed")
    dense = random_matrix(shape, density, seed=0)
    ours, theirs = CSR.from_dense(dense), sparse.csr_array(dense)
    np.testing.assert_array_equal(ours.starts, theirs.indptr)
    np.testing.assert_array_equal(ours.columns, theirs.indices)
    np.testing.assert_array_equal(ours.values, theirs.data)
    ours, theirs = COO.from_dense(dense), sparse.coo_array(dense)
    np.testing.assert_array_equal(ours.rows, theirs.row)
    np.testing.assert_array_equal(ours.columns, theirs.col)
    np.testing.assert_array_equal(ours.values, theirs.data)
    if shape == (64, 48):
        ours, theirs = Blocks.from_dense(dense, (4, 8)), sparse.bsr_array(dense, blocksize=(4, 8))
        np.testing.assert_array_equal(ours.starts, theirs.indptr)
        np.testing.assert_array_equal(ours.columns, theirs.indices)
        np.testing.assert_array_equal(ours.values, theirs.data)
