"""A play button that moves a slider, step by step.

It does so in the browser; the kernel only sees the slider move, as under a hand.
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
        self._link = widgets.jslink((self, "value"), (slider, "index" if chosen else "value"))

    def close(self):
        if getattr(self, "_link", None) is not None:
            self._link.close()
        super().close()
