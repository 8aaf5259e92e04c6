"""The test set behind a button that works once.

A test set that was looked at while choosing has become training data.  So it stays sealed until the
end, and what it says then is said once.  A second button for the same samples opens too, but says that they
have been seen; only a new kernel forgets.
"""

from __future__ import annotations

from hashlib import sha256

import ipywidgets as widgets
import numpy as np

from minnet.nn.arguments import measurable
from minnet.nn.evaluation import accuracy
from minnet.nn.layer import the_network
from minnet.pruning.ranking import restore, sparsity
from minnet.widgets.controls import dress

_opened = set()  # fingerprints of the samples that somebody has looked at; data loaded twice are the same samples


class SealedTestSet:
    """A button that opens the test set, and knows if it was open before: ``mn.explore.open_test_set(net, digits)``.

    Parameters
    ----------
    net : Layer
        The network as it is when the button is pressed.
    data : Dataset
        Something with ``.test``.
    before : Layer, optional
        What to compare with, for example a copy from before pruning; by default the same network with all its
        weights.

    Attributes
    ----------
    accuracies : tuple of float or None
        Before and after, once opened.
    """

    def __init__(self, net, data, before=None):
        the_network(net)
        if not hasattr(data, "test"):
            raise TypeError("open_test_set opens the .test part of a whole data set, "
                            f"got {type(data).__name__}; write for example mn.explore.open_test_set(net, digits)")
        for each in (net, before) if before is not None else (net,):
            measurable(each, data.test)
        self._net, self._data, self._before = net, data, before
        self.accuracies = None
        self._button = widgets.Button(description="Open the test set", icon="envelope-open", layout={"width": "auto"})
        self._button.on_click(lambda _: self.unseal())
        self._said = widgets.HTML(self._html(self._waiting()))
        self.widget = dress(widgets.VBox([self._button, self._said], layout={"align_items": "flex-start"}))

    def unseal(self):
        """What the button does.  A second time changes nothing; another button says that it is not the first."""
        if self.accuracies is not None:
            return
        dense = self._before
        if dense is None:
            dense = self._net.copy()
            restore(dense)
        seen, self._button.disabled = self._seen(), True
        self.accuracies = accuracy(dense, self._data.test), accuracy(self._net, self._data.test)
        first, second = self.accuracies
        _opened.add(self._fingerprint())
        points = 100 * (second - first)
        verdict = "nothing lost" if points == 0 else f"{abs(points):.1f} points {'gained' if points > 0 else 'lost'}"
        self._button.description, self._button.icon = "The test set is open", "check"
        self._said.value = self._html(
            f"On {len(self._data.test)} samples that {'you had looked at before' if seen else 'nobody had looked at'}: "
            f"<b>{first:.1%}</b> before, <b>{second:.1%}</b> with {sparsity(self._net):.1%} of the weights removed: "
            f"{verdict}.")

    def _waiting(self):
        if not self._seen():
            return f"{len(self._data.test)} samples that nobody has looked at yet are waiting."
        return (f"You have already looked at these {len(self._data.test)} samples. If you have changed or chosen "
                "anything since then, they no longer say how well new samples are recognised.")

    def _seen(self):
        return self._fingerprint() in _opened

    def _fingerprint(self):
        return sha256(np.ascontiguousarray(self._data.test.x).tobytes()).digest()

    def _repr_mimebundle_(self, **kwargs):
        return self.widget._repr_mimebundle_(**kwargs)

    @staticmethod
    def _html(text):
        return f'<p role="status" aria-live="polite">{text}</p>'
