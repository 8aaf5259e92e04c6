"""Pictures of networks: Axes in, artists out.

Each function draws into the Axes that it is given, or into a `Picture` of its own that a notebook shows, and
returns a `Drawing` whose ``update()`` moves the artists that are already there.  Nothing here touches pyplot,
so drawings can be made from any thread.
"""

from minnet.draw.chords import web
from minnet.draw.gaze import attention
from minnet.draw.layouts import layout
from minnet.draw.mosaic import masks
from minnet.draw.picture import Drawing, Picture
from minnet.draw.plane import surface
from minnet.draw.spread import histogram
from minnet.draw.wiring import network

__all__ = ["Drawing", "Picture", "attention", "histogram", "layout", "masks", "network", "surface", "web"]


def __getattr__(name):
    from minnet.words import closest

    raise AttributeError(f"minnet.draw has no {name!r}." + closest(name, __all__))
