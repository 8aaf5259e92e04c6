"""The live sentence's times: an honest verdict both ways, bytes as they are stored, one measurement a state."""

import numpy as np

import minnet as mn
from minnet.experiments.prediction_cost import PredictionCost, Time


def test_says_why_where_sparse_is_slower():
    assert "slower here, because" in str(Time(256, dense=1e-5, sparse=2e-5, dense_bytes=100, sparse_bytes=200))
    assert "2.0× faster" in str(Time(256, dense=2e-3, sparse=1e-3, dense_bytes=100, sparse_bytes=200))


def test_says_where_the_gain_comes_from_when_nothing_is_removed():
    net, x = mn.models.mlp(64, 32, 10, rng=0), np.zeros((300, 64), np.float32)
    assert PredictionCost(x).read(net).whole
    mn.prune(net, 0.5)
    assert not PredictionCost(x).read(net).whole
    faster = {"dense": 2e-3, "sparse": 1e-3, "dense_bytes": 100, "sparse_bytes": 200}
    assert "one call for the whole network" in str(Time(256, **faster, whole=True))
    assert "one call" not in str(Time(256, **faster))


def test_measures_each_set_of_masks_once_and_counts_the_predictors_bytes():
    net, x = mn.models.mlp(64, 32, 10, rng=0), np.zeros((300, 64), np.float32)
    watch = PredictionCost(x)
    mn.prune(net, 0.9)
    time = watch.read(net)
    assert time.batch == 256 and time.dense > 0 and time.sparse > 0
    assert time.sparse_bytes == mn.sparse.compile(net, "rows").nbytes
    assert time.dense_bytes == mn.sparse.compile(net, "dense").nbytes
    assert watch.read(net) is time
    mn.prune(net, 0.95)
    assert watch.read(net) is not time
    watch.forget()
    mn.restore(net)
    assert watch.read(net).sparse_bytes > time.sparse_bytes
