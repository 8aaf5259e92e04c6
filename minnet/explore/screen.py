"""A picture that changes quickly: only the artists that have changed are drawn again.

What stays is drawn once.  Upon it, the moving artists of each Axes form a pile, and the picture is remembered
at each level of the pile; when an artist in the middle changes, drawing goes on from the level below it.  So
a slider that removes a few weak lines never waits for thousands of strong ones.
"""

from __future__ import annotations

from minnet.draw.png import encode

EDGE = 2  # pixels around an Axes: a marker on its border reaches into the next pixel


class Screen:
    """Keeps a figure's picture up to date.

    Parameters
    ----------
    figure : Picture
    moving : list of Artist
        Those that change, from the bottom of the pile to its top.  They stay inside their Axes, and different
        Axes don't overlap.
    """

    def __init__(self, figure, moving):
        self.figure = figure
        self._piles = {}
        for artist in moving:
            artist.set_animated(True)
            self._piles.setdefault(artist.axes, []).append(artist)
        self._levels = {ax: [] for ax in self._piles}
        figure.canvas.draw()  # everything that doesn't move
        figure.set_layout_engine("none")

    def png(self):
        """The present picture as the bytes of a PNG file."""
        canvas = self.figure.canvas
        for ax, pile in self._piles.items():
            levels = self._levels[ax]  # levels[i] is the Axes before pile[i] is drawn
            clean = next((i for i, artist in enumerate(pile) if artist.stale or i >= len(levels)), len(pile))
            if clean == len(pile):
                continue
            if clean < len(levels):
                canvas.restore_region(levels[clean])
                del levels[clean + 1 :]
            for number, artist in enumerate(pile[clean:], clean):
                if number == len(levels):
                    same = number > 0 and not pile[number - 1].get_visible()  # nothing was drawn since
                    levels.append(levels[-1] if same else canvas.copy_from_bbox(ax.bbox.padded(EDGE)))
                if artist.get_visible():
                    ax.draw_artist(artist)
                artist.stale = False
        return encode(canvas)
