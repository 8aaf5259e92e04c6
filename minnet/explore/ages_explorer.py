"""How densely synapses stand in a child's brain, from birth to old age: an age to slide through.

The numbers are those that the summary of Huttenlocher's count gives, and nothing else; in between they are joined
evenly, and both the picture and the sentence say where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet.draw import palette
from minnet.messages import generator, number
from minnet.widgets.controls import Player, choice_slider, row
from minnet.widgets.explorer_base import Explorer

# P. R. Huttenlocher (1979), Brain Research 163, 195–205, layer 3 of the middle frontal gyrus, 21 brains; abstract.
# In units of 10⁸ synapses in a cubic millimetre.
ADULT, ADULT_ERROR = 11.05, 0.41  # mean of the ages 16–72, and its standard error
OLD, OLD_ERROR = 9.56, 0.28  # mean of four brains of the ages 74–90, and its standard error
PEAK = 1.5 * ADULT  # at 1–2 years, "about 50 % above the adult mean"; at birth "in the range seen in adults"

KNOTS = (0, 1, 2, 16, 72, 74, 90), (ADULT, PEAK, PEAK, ADULT, ADULT, OLD, OLD)
MEASURED = ((0, 0), (1, 2), (16, 72), (74, 90))  # years
AGES = (0, 0.25, 0.5, 0.75, 1, 1.5, *range(2, 21), *range(25, 91, 5))
SLICE = 10, 10, 1  # micrometres


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    age : float
        Years.
    density : float
        10⁸ synapses in a cubic millimetre.
    measured : bool
        Whether the paper's summary gives a number for this age.
    here, gone : ndarray of bool, (dots,)
        Of the dots in the slice, those that are there at this age, and those that were and are no more.
    """

    age: float
    density: float
    measured: bool
    here: np.ndarray
    gone: np.ndarray


class AgesExplorer(Explorer):
    """Synapses by age: ``mn.explore.ages()``.

    On the left a thin slice of brain, 10 × 10 × 1 micrometres, with as many dots as there are synapses in it.  Where
    they stand is made up; how many there are is not.

    Parameters
    ----------
    age : float
        Where the slider begins, one of 0, 0.25 … 90 years.
    seed : int
        Of the places of the dots.
    """

    size = (10, 4.3)

    @staticmethod
    def example():
        return AgesExplorer()

    def __init__(self, age=0, *, seed=0):
        age = number(age, "age")
        self._age = min(AGES, key=lambda known: abs(known - age))
        rng = generator(seed)
        self._places = _scattered(in_slice(PEAK), rng)
        self._last = rng.permutation(len(self._places))  # the order in which they go, at random too
        super().__init__()

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        return {"age": choice_slider("Age (years)", [(f"{age:g}", age) for age in AGES], self._age, width="560px")}

    def rows(self):
        age = self.control["age"]
        return [row(age, Player(age, 350), self._reset), self._message, self._picture, self._sentence]

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        age = state["age"]
        density = density_at(age)
        count, dots = in_slice(density), np.arange(len(self._places))
        grown = dots < count if age <= 1 else np.ones(len(dots), bool)
        here = grown if age <= 1 else self._last < count
        return Frame(age, density, any(a <= age <= b for a, b in MEASURED), here, grown & ~here)

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(1, 2, width_ratios=(4, 6))
        return [*self._draw_slice(figure.add_subplot(grid[0])), *self._draw_chart(figure.add_subplot(grid[1]))]

    def _draw_slice(self, ax):
        ax.set(xlim=(-0.3, 10.3), ylim=(-0.3, 10.3), aspect="equal", xticks=[], yticks=[])
        ax.set_facecolor("#F7F3EC")
        for side in ax.spines.values():
            side.set_color(palette.FAINT)
        ax.set_title("A slice, 10 × 10 × 1 micrometres", fontsize=palette.TITLE, color=palette.INK, loc="left")
        ax.set_xlabel("● a synapse   ○ one that has gone", fontsize=palette.TEXT, color=palette.INK)
        self._ghosts = ax.scatter(*self._places.T, s=40, facecolors="none", edgecolors="#9A9A9A", linewidths=1.2)
        self._dots = ax.scatter(*self._places.T, s=46, color=palette.POSITIVE, edgecolors="white", linewidths=0.5)
        return self._ghosts, self._dots

    def _draw_chart(self, ax):
        palette.plain(ax, "Synapses in a cubic millimetre of frontal cortex (× 10⁸)")
        ax.set(xlim=(_squeezed(-0.15), _squeezed(100)), ylim=(0, 19), yticks=(0, 5, 10, 15))
        ticks = (0, 1, 2, 4, 8, 16, 32, 72, 90)
        ax.set_xticks(_squeezed(np.array(ticks)), map(str, ticks))
        ax.set_xlabel("age in years (the first ones stretched)", fontsize=palette.TEXT, color=palette.INK)
        ax.grid(axis="y", color=palette.GRID, linewidth=0.8)
        years = np.concatenate([np.linspace(a, b, 60) for a, b in zip(KNOTS[0], KNOTS[0][1:], strict=False)])
        ax.plot(_squeezed(years), density_at(years), "--", color=palette.FAINT, linewidth=1.6,
                label="no number given: evenly joined")
        ax.plot(_squeezed(0), ADULT, "s", color=palette.POSITIVE, markersize=9, markerfacecolor="white",
                markeredgewidth=2.5, zorder=3)
        for (begin, end), error in zip(MEASURED, (None, None, ADULT_ERROR, OLD_ERROR), strict=True):
            x, y = _squeezed(np.array([begin, end])), density_at(np.array([begin, end]))
            line = ax.plot(x, y, color=palette.POSITIVE, linewidth=5, solid_capstyle="round", zorder=3)
            if error:
                ax.fill_between(x, y - error, y + error, color=palette.POSITIVE, alpha=0.25, linewidth=0)
        line[0].set_label("given by Huttenlocher (1979)")
        for age, level, side, text in (
                (0, ADULT - 1.2, "left", "birth: in the range of adults"),
                (1, PEAK + 1.5, "left", "1–2: about 50 % above adults"),
                (16, ADULT + 1.6, "left", "16–72: adults"), (90, OLD - 1, "right", "74–90")):
            ax.text(_squeezed(age), level, text, fontsize=palette.TEXT, color=palette.INK, va="center", ha=side)
        ax.legend(loc="lower left", fontsize=palette.TEXT, frameon=False)
        self._here = ax.axvline(0, color=palette.INK, linewidth=1, linestyle=":")
        (self._point,) = ax.plot([], [], "o", color=palette.INK, markersize=11, markerfacecolor=palette.YELLOW,
                                 zorder=4)
        return self._here, self._point

    def paint(self, frame):
        hidden = np.full(len(self._places), np.nan)
        for dots, which in ((self._dots, frame.here), (self._ghosts, frame.gone)):
            dots.set_offsets(np.where(which[:, None], self._places, hidden[:, None]))
        self._point.set_data([_squeezed(frame.age)], [frame.density])
        self._here.set_xdata([_squeezed(frame.age)] * 2)

    def sentence(self, frame):
        how = ("no number is given for this age: evenly joined between its neighbours"
               if not frame.measured else
               "at birth the summary only says “in the range seen in adults”" if frame.age == 0 else
               "“about 50 % above the adult mean”" if frame.age <= 2 else
               f"a mean, ± {ADULT_ERROR} (standard error)" if frame.age <= 72 else
               f"the mean of four brains, ± {OLD_ERROR} (standard error)")
        gone = f", {frame.gone.sum()} fewer than at the age of one to two" if frame.gone.any() else ""
        return (f"<b>Age {frame.age:g}: {frame.density:.2f} × 10⁸ synapses in a cubic millimetre</b>, "
                f"{frame.density / ADULT:.0%} of an adult's ({how}). "
                f"In the slice: <b>{frame.here.sum()}</b>{gone}.")


def density_at(age):
    """10⁸ synapses in a cubic millimetre; evenly joined between the ages for which numbers are given."""
    return np.interp(age, *KNOTS) if np.ndim(age) else float(np.interp(age, *KNOTS))


def in_slice(density):
    """How many synapses the slice holds."""
    return round(1e8 * density * np.prod(SLICE) / 1e9)  # a cubic millimetre has 10⁹ cubic micrometres


def _squeezed(age):
    """Ages as the picture spaces them: each doubling (of age + 1) is equally wide."""
    return np.log2(1 + age)


def _scattered(count, rng):
    """Places in the slice that keep a distance: each is the best of a few random ones (Mitchell 1991)."""
    places = rng.uniform(0, 10, (1, 2))
    while len(places) < count:
        tries = rng.uniform(0, 10, (25, 2))
        nearest = np.linalg.norm(tries[:, None] - places, axis=2).min(axis=1)
        places = np.vstack([places, tries[nearest.argmax()]])
    return places
