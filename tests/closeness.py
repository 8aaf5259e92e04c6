"""How close two results have to be when they differ only in the order in which numbers were added up.

A matrix product adds up n terms, and each processor, BLAS library and batch size adds them in another order. Every
addition rounds by up to half a unit in the last place *of the sum so far*. So the error of an entry follows from the
size of the terms, not from the size of the entry: where large terms cancel, an entry close to 0 is as uncertain as the
large ones next to it. A tolerance relative to each entry (`rtol`) is too strict there, and an absolute one
(`atol=1e-5`) is too strict for results of size 100 and too lax for results of size 0.001. So the tolerance here is

    ulps * eps * largest

with the machine epsilon of the number type (1.2e-7 for float32, 2.2e-16 for float64) and the largest absolute value of
what is wanted. With the default of 100 this is 1.2e-5 of the largest value in float32. Errors of sums grow like √n: a
product with a thousand inputs needs 3 to 12 ulps. So 100 has room for networks of several layers, while one weight
that is forgotten or counted twice shows.

    assert_close(mn.compact(net)(x), net(x))
    assert_close(found, wanted, terms=1)        # only a few results are compared, sums of terms of size 1
"""

import numpy as np

ULPS = 100


def tolerance(found, wanted, ulps=ULPS, terms=0):
    """By how much each entry may differ: ``ulps * eps * largest``.

    Parameters
    ----------
    found, wanted : array_like
        The coarser of their number types counts. (Lists of numbers are float64: pass ``np.float32(numbers)`` for what
        was computed in float32.)
    ulps : float
        Units in the last place of the largest value.
    terms : float
        Size of the terms that were added up. Needed for so few results that all of them may happen to be
        small; among many there is one that is as large as the terms.
    """
    kinds = [np.asarray(each).dtype for each in (found, wanted)]
    eps = max((np.finfo(kind).eps for kind in kinds if np.issubdtype(kind, np.floating)), default=0)
    largest = np.maximum(terms, np.abs(wanted).max(initial=0))
    assert np.isfinite(largest), f"the largest value is {largest}"     # it would allow everything
    return float(ulps * eps * largest)


def assert_close(found, wanted, ulps=ULPS, terms=0, err_msg=""):
    """Assert that two arrays have the same shape and are equal up to rounding; arguments as in `tolerance`."""
    assert np.shape(found) == np.shape(wanted), f"shape {np.shape(found)}, wanted {np.shape(wanted)}"
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance(found, wanted, ulps, terms), err_msg=err_msg)
