"""Pictures of networks: Axes in, artists out.

Each function draws into the Axes that it is given, or into a `Picture` of its own that a notebook shows, and
returns a `Drawing` whose ``update()`` changes the artists that exist.  Nothing here uses pyplot, so drawings can
be made from any thread.
"""

from minnet.draw.attention_maps import attention
from minnet.draw.decision_surface import surface
from minnet.draw.figure import Drawing, Picture
from minnet.draw.memory_layout import layout
from minnet.draw.network_diagram import network
from minnet.draw.routing_graph import web
from minnet.draw.weight_histogram import histogram
from minnet.draw.weight_images import masks

__all__ = ["Drawing", "Picture", "attention", "histogram", "layout", "masks", "network", "surface", "web"]


def __getattr__(name):
    from minnet.messages import closest

    raise AttributeError(f"minnet.draw has no {name!r}." + closest(name, __all__))
