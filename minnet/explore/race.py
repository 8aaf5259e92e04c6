"""Why is it not faster?  A race of all ways to compute a pruned network, on the learner's own computer.

Two sliders choose the sparsity and the batch. What was measured before is shown at once; what is missing is measured in
the background, and the bars settle as the rounds come in. Beside them stand the crossover, the bytes, and the reason:
how many numbers a loop has to load for each that it multiplies.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import ipywidgets as widgets

from minnet.data import digits
from minnet.explore.explorer import Explorer
from minnet.explore.heat import Heat, heat
from minnet.explore.laps import Laps
from minnet.explore.runners import DENSE, LIBRARIES, NAIVE, SPARSE, Runners
from minnet.explore.samples import few
from minnet.explore.scales import Scales
from minnet.explore.scoreboard import Bars, Curves, Roof, Sizes
from minnet.explore.silence import plain_layers
from minnet.explore.stopwatch import spoken_bytes, spoken_time
from minnet.nn.layers import Sequential
from minnet.nn.models import mlp

PLACES = (0, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93, 95, 97, 98, 99)  # percent
BATCHES = tuple(2**power for power in range(11))
REPAINT = 0.25  # seconds between two pictures while the rounds come in


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    percent, batch : int
    kept, weights : int
        Left at this sparsity, and all.
    bytes : dict of {format: int}
        Of the weights.
    heat : Heat
        What has been measured so far.
    """

    percent: int
    batch: int
    kept: int
    weights: int
    bytes: dict
    heat: Heat


class SpeedExplorer(Explorer):
    """Race all ways to compute a pruned network: ``mn.explore.speed(net, digits)``.

    Parameters
    ----------
    net : Sequential
        Dense layers with activations between them; copies of it are pruned.
    data : Dataset or Split
        Its samples are what is predicted; of a whole data set, those of ``.val``.
    libraries : sequence of str
        Which others run along, if they are installed: "SciPy CSR", "PyTorch dense".
    rounds : int
        How often all are timed at each place.
    start : bool
        Measure as soon as it opens; else when a control is moved for the first time.

    Attributes
    ----------
    laps : Laps
        Every time that was measured.
    """

    size = (10, 4.8)
    measured = ("heat",)
    recorded = {"sparsity": None, "batch": (1, 8, 64, 1024)}

    def __init__(self, net, data, *, libraries=tuple(LIBRARIES), rounds=15, start=True):
        net = Sequential(*plain_layers(net), input_shape=net.input_shape)
        self.runners = Runners(net, libraries)
        self.laps = Laps(self.runners, getattr(data, "val", data).x, rounds)
        self.scales = Scales(self.runners, PLACES)
        self._painted = 0.0
        super().__init__()
        if start:
            self.measure()

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        def slider(options, value, name, width):
            return widgets.SelectionSlider(options=options, value=value, description=name,
                                           style={"description_width": "initial"},
                                           layout={"width": width, "max_width": "100%"})
        return {"sparsity": slider([(f"{percent} %", percent) for percent in PLACES], 90, "Sparsity", "430px"),
                "batch": slider([(f"{batch:,}", batch) for batch in BATCHES], 64, "Batch (samples)", "430px")}

    def rows(self):
        self._again = self.button("Measure again", self.measure_again, "Forget the times of this place, take new ones")
        self._cancel = self.button("Cancel", self.job.cancel, "Stop measuring; what was measured stays")
        self._cancel.disabled = True
        self._told = widgets.HTML(layout={"width": "420px", "height": "32px", "overflow": "hidden"})
        row = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 18px"}
        return [
            widgets.HBox([*self.control.values()], layout=row),
            widgets.HBox([self._again, self._cancel, self._reset, self._told], layout=row),
            self._message, self._picture, self._sentence,
        ]

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        percent, batch = state["sparsity"], state["batch"]
        kept = self.runners.weights - round(percent / 100 * self.runners.weights)
        return Frame(percent, batch, kept, self.runners.weights, self.scales.at(percent),
                     heat(self.laps, percent, batch, PLACES))

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, width_ratios=(5.2, 4.8), height_ratios=(1.15, 1))
        self._panels = (Bars(figure.add_subplot(grid[0, 0]), self.runners.names),
                        Roof(figure.add_subplot(grid[1, 0])),
                        Curves(figure.add_subplot(grid[0, 1])),
                        Sizes(figure.add_subplot(grid[1, 1]), self.scales))
        return [artist for panel in self._panels for artist in panel.artists]

    def paint(self, frame):
        for panel in self._panels:
            panel.paint(frame)

    def sentence(self, frame):
        heat = frame.heat
        said = f"<b>{frame.kept:,} of {frame.weights:,} weights</b>, {frame.batch} sample{'s' * (frame.batch > 1)}. "
        if heat.near is None:
            return said + "Nothing has been measured yet."
        if not heat.exact:
            said += f"Not measured yet; the bars are those of {heat.near[0]} % and batch {heat.near[1]}. "
        ratio, seconds, naive = (what[name].median for what, name in (
            (heat.ratios, SPARSE), (heat.times, SPARSE), (heat.ratios, NAIVE)))
        said += (f"minnet's sparse kernels take {spoken_time(seconds)}, dense {spoken_time(heat.times[DENSE].median)}: "
                 f"<b>{_times(ratio)}</b>, {heat.parts[SPARSE]:.2f} of ideal. The naive loop is {_times(naive)}. ")
        if heat.crossover is not None:
            said += f"For this batch the kernels overtake dense at <b>{heat.crossover:.0f}\N{NO-BREAK SPACE}%</b>. "
        sizes = ", ".join(f"{name} {spoken_bytes(many)}" for name, many in frame.bytes.items())
        said += f"Stored: {sizes}, dense {spoken_bytes(self.scales.dense)}. "
        if heat.building is not None:
            said += f"Not in the bars: packing the weights, {spoken_time(heat.building)}, once for each network"
            said += f"; first call of the kernels, {spoken_time(heat.first)}." if heat.first is not None else "."
        return said

    # ---- measuring in the background ----------------------------------------------------------------

    def measure(self):
        """Measure what is missing here, in the background; the newest request wins."""
        percent, batch = self.state["sparsity"], self.state["batch"]
        if not (self.laps.done(percent, batch) and self.laps.swept(batch, PLACES)):
            self._cancel.disabled = False
            self.job.start(self.laps.run(percent, batch, PLACES))

    def measure_again(self):
        """Forget what was measured here, and measure anew."""
        self.laps.forget(self.state["sparsity"], self.state["batch"])
        self.refresh()
        self.measure()

    def set(self, **values):
        super().set(**values)
        self.measure()

    def follow(self, other):
        """The same times on the clock, and no new ones."""
        self.job.cancel()
        self.wait()
        self.laps.recall(other.laps)
        super().set(**other.state)

    def _moved(self, change):
        super()._moved(change)
        if not self._quiet:
            self.measure()

    def rehearse(self):
        """Measure at every place that is recorded."""
        self.job.start(self.laps.everywhere(PLACES, self.recorded["batch"]))
        self.wait()

    def progress(self, what):
        running = what is not None
        self._cancel.disabled = not running
        self._told.value = what if running else (
            "measured" if self.job.error is None else f"Something went wrong: {self.job.error}")
        if not running or monotonic() - self._painted > REPAINT:
            self.refresh()
            self._painted = monotonic()

    @staticmethod
    def example():
        return SpeedExplorer(mlp(64, 12, 8, 10, rng=0), few(digits()), libraries=(), rounds=2, start=False)


def _times(ratio):
    return f"{ratio:.1f} times as fast as dense" if ratio >= 1 else f"{1 / ratio:.1f} times slower than dense"
