"""A play button that moves a slider, step by step.

Both are linked in the kernel.  A link in the browser would tell the kernel of each move of the slider twice, and the
picture of a move under a hand would come later by half.
"""

from __future__ import annotations

import ipywidgets as widgets


class Player(widgets.Play):
    """Play, hold and stop for a slider, from one end to the other.

    Parameters
    ----------
    slider : IntSlider or SelectionSlider
    interval : int
        Milliseconds between two steps.
    """

    def __init__(self, slider, interval=500):
        chosen = hasattr(slider, "options")  # then its places are counted
        first, last = (0, len(slider.options) - 1) if chosen else (slider.min, slider.max)
        now = slider.index if chosen else slider.value
        super().__init__(value=now, min=first, max=last, interval=interval, layout={"width": "auto"})
        self._link = widgets.link((self, "value"), (slider, "index" if chosen else "value"))

    def close(self):
        if getattr(self, "_link", None) is not None:
            self._link.unlink()
            self._link = None
        super().close()
