"""The arguments of public functions, looked at before anything changes.

Each function returns what was passed in the form that is used, or raises an error of one sentence: what was passed,
what was expected, what to type.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import numbers, short
from minnet.nn.layer import Layer, the_network
from minnet.threads import at_most


def pair(data):
    """Samples and labels as arrays.

    Parameters
    ----------
    data : object with ``.x`` and ``.y``, pair (x, y), or mapping with "x" and "y"
        Each an array, or what becomes one: a list, a tensor of PyTorch, a sparse matrix of SciPy, a table of pandas.

    Returns
    -------
    x : ndarray, (n, …)
    y : ndarray, (n, …)
    """
    if isinstance(data, Layer):
        raise TypeError(f"data are wanted, got a network, {short(data)}; the network comes first, then the data: "
                        "mn.accuracy(net, digits.val)")
    if hasattr(data, "train") and not hasattr(data, "x"):
        raise TypeError(f"got a whole data set; say which part: {getattr(data, 'name', 'data')}.train, .val or .test")
    if hasattr(data, "columns"):
        raise TypeError("a table does not say which columns are labels; write (table[features].to_numpy(), "
                        "table[label].to_numpy())")
    if hasattr(data, "keys") and {"x", "y"} <= set(data.keys()):
        x, y = data["x"], data["y"]
    elif hasattr(data, "keys"):
        raise TypeError(f"data in a {type(data).__name__} have the names 'x' and 'y', got {', '.join(data.keys())}; "
                        "write (samples, labels)")
    elif hasattr(data, "x") and hasattr(data, "y"):
        x, y = data.x, data.y
    else:
        try:
            x, y = data
        except (TypeError, ValueError):
            raise TypeError(f"data have .x and .y, or are a pair (x, y); got {type(data).__name__}") from None
    x, y = numbers(x, "x"), numbers(y, "y", text=True)
    if x.ndim < 2:
        raise ValueError(f"x has one row for each sample, got shape {x.shape}; for one sample write x[None]")
    if y.ndim < 1 or len(x) != len(y):
        raise ValueError(f"x has {len(x)} samples and y has {len(y) if y.ndim else 1}; each sample needs one label")
    return x, y


def samples(data, what="measure on"):
    """`pair` of data with at least one sample, and without NaN and infinity, which would spread over all weights."""
    x, y = pair(data)
    if not len(x):
        raise ValueError(f"there are no samples to {what}")
    for name, array in (("x", x), ("y", y)):
        if array.dtype.kind == "f" and not (np.isfinite(array.min()) and np.isfinite(array.max())):
            odd = ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
            raise ValueError(f"{name} is NaN or infinite in {np.count_nonzero(odd):,} of {len(odd):,} samples, as in "
                             f"{name}[{odd.argmax()}]; leave those samples out, or write np.nan_to_num({name})")
    return x, y


def labels(y, shape):
    """Class indices that fit scores of a shape (n, classes).

    Returns
    -------
    ndarray of int, (n,)
    """
    y = numbers(y, "labels", text=True)
    if len(shape) != 2 or y.shape != shape[:1]:
        hint = ""
        if y.ndim == 2 and len(y) == shape[0]:
            hint = "; write y[:, 0]" if y.shape[1] == 1 else "; of one-hot labels write y.argmax(axis=1)"
        raise ValueError(f"scores (n, classes) and labels (n,) must agree, got {tuple(shape)} and {y.shape}{hint}")
    if y.dtype.kind not in "iu":
        hint = "np.unique(y, return_inverse=True)[1]" if y.dtype.kind in "US" else "labels.astype(int)"
        raise TypeError(f"labels are whole numbers (class indices), got {y.dtype}; write {hint}")
    if len(y) and (y.min() < 0 or y.max() >= shape[1]):
        raise ValueError(f"labels run from {y.min()} to {y.max()}, but the network has {shape[1]} outputs "
                         f"(classes 0 … {shape[1] - 1})")
    return y


def class_count(*every):
    """How many classes several arrays of labels have together."""
    count = 1 + max((int(y.max()) for y in every if y.dtype.kind in "iu"), default=0)
    for y in every:
        labels(y, (len(y), count))
    return count


def finite(net):
    """A network whose weights are numbers, those that are removed aside."""
    for param in the_network(net).params():
        if not np.isfinite(param.value).all():
            raise ValueError(f"{param.path} holds NaN or infinity; train the network again with a smaller learning "
                             "rate, or remove such weights: weight.mask = np.isfinite(weight.data), then mn.cut(net)")
    return net


def measurable(net, data):
    """Data with labels that fit the scores of a network; one sample is predicted to see them."""
    x, y = samples(data)
    with at_most(1):
        scores = the_network(net)(x[:1])
    labels(y, (len(x), *scores.shape[1:]))
    return x, y


def optimiser(given):
    """An optimiser, such as ``mn.Adam(1e-3)``."""
    if isinstance(given, type):
        raise TypeError(f"an optimiser is wanted, got the class {given.__name__}; write mn.{given.__name__}(1e-3)")
    if not hasattr(given, "begin"):
        raise TypeError(f"an optimiser is wanted, got {short(given)}; write for example optimiser=mn.Adam(1e-3)")
    return given


def loss_and_gradient(found, answers):
    """What a loss function has given for these answers: a number, and a gradient of their shape."""
    try:
        loss, gradient = found
    except (TypeError, ValueError):
        loss = gradient = None
    if np.ndim(loss) or np.shape(gradient) != answers.shape or loss is None:
        raise TypeError("a loss function returns (loss, gradient), a number and an array of shape "
                        f"{answers.shape}, got {short(found)}; write for example loss=mn.cross_entropy")


def snapshot(net, taken):
    """A snapshot of this very network, {path: array}.

    Raises
    ------
    TypeError, ValueError
        If it is none, or of another network.
    """
    if not hasattr(taken, "items"):
        raise TypeError(f"a snapshot is wanted, got {type(taken).__name__}; take one with mn.snapshot(net) before the "
                        "training")
    shapes = {param.path: param.shape for param in the_network(net).params()}
    found = {path: np.shape(data) for path, data in taken.items()}
    if shapes != found:
        other = sorted(set(shapes) ^ set(found)) or [path for path, shape in shapes.items() if found[path] != shape]
        raise ValueError(f"the snapshot is of another network, {', '.join(map(str, other))} differ; "
                         "take one with mn.snapshot(net)")
    return taken
