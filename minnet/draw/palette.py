"""The colours and sizes of every picture, so that one thing looks the same in all of them.

Blue and vermilion can be distinguished with every type of colour vision and on a faded projector (Okabe & Ito 2008);
grey is what was removed.  Sizes are in points, chosen to be read from the last row of a lecture hall.
"""

from __future__ import annotations

import numpy as np

POSITIVE = "#0072B2"
NEGATIVE = "#D55E00"
REMOVED = "#BDBDBD"
AFTER = "#009E73"  # after retraining
GRID = "#E5E5E5"
# To distinguish more things.
SKY, ROSE, AMBER = "#56B4E9", "#CC79A7", "#E69F00"
YELLOW, PURPLE, WINE = "#F0E442", "#AA4499", "#882255"
INK = "#222222"
FAINT = "#666666"

TITLE = 11.5
TEXT = 10.5
SMALL = 9.5

_SIGNS = np.array([[0.835, 0.369, 0.0], [0.0, 0.447, 0.698]])  # NEGATIVE and POSITIVE as numbers


def shades(strength):
    """Colours from white (0) to full blue (+1) or vermilion (−1), as an array (…, 3)."""
    full = _SIGNS[(strength > 0).astype(int)]
    return 1 - np.abs(strength)[..., None] * (1 - full)


def strokes(strength):
    """Colours for lines, as an array (n, 4): the sign is the colour, weak lines are half transparent."""
    alpha = 0.3 + 0.7 * np.abs(strength)
    return np.column_stack([_SIGNS[(strength > 0).astype(int)], alpha])


def plain(ax, title=None):
    """Remove everything that is not needed to read an Axes."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(FAINT)
    ax.tick_params(labelsize=SMALL, colors=INK, length=3)
    if title:
        ax.set_title(title, fontsize=TITLE, color=INK, loc="left")
