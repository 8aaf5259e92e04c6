"""How fast should little-used links go?  A web of links is pruned at three rates, round by round.

All three begin with every link there can be and end with equally many.  Whether few links are removed at first or many
decides which ones are left, and so how many messages still arrive and how far they have to go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from minnet import draw
from minnet.draw import palette
from minnet.draw.routing_graph import KINDS
from minnet.messages import whole, wholes
from minnet.routing import RATES, Web, prune_in_rounds
from minnet.widgets.controls import Player, choice_slider, integer, row, slider, toggles
from minnet.widgets.explorer_base import Explorer

LEFT = (5, 8, 10, 15, 20, 25, 35, 50)  # percent
STYLES = {"decreasing": ("o", "-"), "constant": ("s", "--"), "increasing": ("^", ":")}
SCALES = {"left": 1, "arriving": 100, "length": 1}  # from a course to its lines
REMEMBERED = 20  # webs


@dataclass(frozen=True)
class Course:
    """One web through all its rounds, from before the first to after the last.

    Attributes
    ----------
    links, used : list of ndarray, (nodes, nodes)
    left : list of int
        Links.
    arriving, length : list of float
        Pairs still connected, 0 to 1; links on the shortest way, on average.
    kinds : list of dict
        Links between whom, {kind: number}.
    """

    links: list
    used: list
    left: list
    arriving: list
    length: list
    kinds: list


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    rate : str
    round : int
        So many rounds are over.
    courses : dict of {rate: Course}
    """

    rate: str
    round: int
    courses: dict

    @property
    def course(self):
        """Of the chosen rate."""
        return self.courses[self.rate]


class RatesExplorer(Explorer):
    """Prune a web of links at a decreasing, constant or increasing rate: ``mn.explore.rates()``.

    Parameters
    ----------
    nodes : int
        Half of them send, half receive.
    rounds : int
    messages : int
        In each round.
    left : int
        Links that are left at the end, in per cent.
    seed : int
        Of the messages, and of the choice among equally used links.
    """

    size = (10, 4.6)
    recorded = {"rate": None, "round": None, "left": (10, 35)}

    @staticmethod
    def example():
        return RatesExplorer(12, rounds=4, messages=20)

    def __init__(self, nodes=40, *, rounds=10, messages=80, left=10, seed=0):
        self.nodes = whole(nodes, "nodes", least=2)
        self.rounds, self.messages, left = wholes(1, rounds=rounds, messages=messages, left=left)
        self._given = {"left": left, "seed": whole(seed, "seed")}
        self._courses = {}
        super().__init__()

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        left = [(f"{percent} %", percent) for percent in sorted({*LEFT, self._given["left"]})]
        return {
            "rate": toggles("Pruning rate", RATES, "constant", [
                "many links are removed at first, then fewer and fewer", "the same part of what is left each time",
                "few links are removed at first, then more and more"]),
            "round": slider("Rounds over", 0, 0, self.rounds, width="340px"),
            "left": choice_slider("Links left in the end", left, self._given["left"], width="330px"),
            "seed": integer("Seed", self._given["seed"]),
        }

    def rows(self):
        control = self.control
        return [
            row(control["rate"], control["left"]),
            row(control["round"], Player(control["round"], 700), control["seed"], self._reset),
            self._message,
            self._picture,
            self._sentence,
        ]

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        key = state["left"], state["seed"]
        if key not in self._courses:
            if len(self._courses) == REMEMBERED:
                del self._courses[next(iter(self._courses))]
            self._courses[key] = {rate: self._course(rate, *key) for rate in RATES}
        return Frame(state["rate"], state["round"], self._courses[key])

    def _course(self, rate, percent, seed):
        web = Web(self.nodes, rng=seed)
        rounds = [_seen(web)]
        for then in prune_in_rounds(web, rate, max(round(percent / 100 * web.count), 1), self.rounds, self.messages):
            rounds.append(_seen(then))
        return Course(*map(list, zip(*rounds, strict=True)))

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 3, width_ratios=(4.5, 2.75, 2.75))
        full = self.nodes * (self.nodes - 1)
        self._web = draw.web(Web(self.nodes), ax=figure.add_subplot(grid[:, 0]), legend=False)
        self._lines, self._points, self._lined = {}, {}, None
        for name, title, limits, place in (
                ("left", "Links left", (0, 1.08 * full), grid[0, 1]),
                ("arriving", "Pairs still connected (%)", (20, 106), grid[0, 2]),
                ("length", "Links on the way, average", (0.9, 4), grid[1, 2])):
            self._curves(figure.add_subplot(place), name, title, limits)
        self._points["left"].axes.legend(handles=list(self._lines["left"].values()), loc="upper right", frameon=False,
                                         fontsize=palette.SMALL, borderaxespad=0, labelspacing=0.2)
        self._draw_kinds(figure.add_subplot(grid[1, 1]), full)
        moving = [artist for name in self._lines for artist in (*self._lines[name].values(), self._points[name])]
        return [*self._web.artists, *moving, *self._bars.values(), *self._counts.values()]

    def _curves(self, ax, name, title, limits):
        """A line for each rate, and a point where we are."""
        palette.plain(ax, title)
        ax.set(xlim=(-0.4, self.rounds + 0.4), ylim=limits)
        ax.set_xlabel("rounds", fontsize=palette.TEXT)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(color=palette.GRID, linewidth=0.8)
        self._lines[name] = {rate: ax.plot([], [], marker=marker, linestyle=style, markersize=4, color="#9A9A9A",
                                           label=rate)[0]
                             for rate, (marker, style) in STYLES.items()}
        (self._points[name],) = ax.plot([], [], "o", color=palette.INK, markersize=10, markerfacecolor=palette.YELLOW)

    def _draw_kinds(self, ax, full):
        palette.plain(ax, "Links left, between whom")
        ax.set(xlim=(0, 0.33 * full), ylim=(-0.4, len(KINDS) - 0.1), yticks=[], xticks=[])
        bars = ax.barh(range(len(KINDS)), [0] * len(KINDS), 0.45, color=KINDS.values())
        self._bars = dict(zip(KINDS, bars, strict=True))
        self._counts = {kind: ax.text(0, place, "", va="center", fontsize=palette.TEXT, color=palette.INK)
                        for place, kind in enumerate(KINDS)}
        for place, kind in enumerate(KINDS):
            ax.text(0.004 * full, place + 0.3, kind, va="bottom", fontsize=palette.SMALL, color=palette.INK)

    def paint(self, frame):
        course, now = frame.course, frame.round
        self._web.update((course.links[now], course.used[now]))
        if self._lined is None or frame.courses is not self._lined.courses or frame.rate != self._lined.rate:
            self._paint_lines(frame)  # not at every round: lines take long
            self._lined = frame
        for name, scale in SCALES.items():
            self._points[name].set_data([now], [scale * getattr(course, name)[now]])
        for kind, bar in self._bars.items():
            count = course.kinds[now][kind]
            bar.set_width(count)
            self._counts[kind].set(text=f"{count:,}", x=count + 0.008 * self.nodes**2)

    def _paint_lines(self, frame):
        for name, scale in SCALES.items():
            for rate, line in self._lines[name].items():
                line.set_data(range(self.rounds + 1), scale * np.array(getattr(frame.courses[rate], name)))
                chosen = rate == frame.rate
                line.set(color=palette.INK if chosen else "#9A9A9A", linewidth=2.4 if chosen else 1.4)

    def sentence(self, frame):
        course, now = frame.course, frame.round
        full, left = course.left[0], course.left[now]
        if now == 0:
            fell = "Before the first round everyone is linked with everyone"
        else:
            part = 1 - left / course.left[now - 1]
            rate = f"{'an' if frame.rate == 'increasing' else 'a'} {frame.rate} rate"
            fell = f"Round {now} of {self.rounds} at {rate}: {part:.0%} of the links that were there fell"
        ends = ", ".join(f"{rate} {each.arriving[-1]:.0%} over {each.length[-1]:.2f} links"
                         for rate, each in frame.courses.items())
        return (f"{fell}. <b>{left:,} of {full:,} links left, {course.arriving[now]:.0%} of all pairs connected</b>, "
                f"over {course.length[now]:.2f} links on average. "
                f"After all rounds, with {course.left[-1]:,} links each: {ends}.")


def _seen(web):
    """What is noted of a web after a round."""
    return web.links.copy(), web.used.copy(), web.count, web.arriving, web.length, web.kinds()
