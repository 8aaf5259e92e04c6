"""A drawn web shows every link once, in its colour, and moves with the web."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

import minnet as mn
from minnet.draw.routing_graph import KINDS


@pytest.fixture
def web():
    web = mn.routing.Web(12, rng=0)
    for _ in mn.routing.prune_in_rounds(web, "constant", 30, messages=20):
        pass
    return web


def ends(drawing, lines):
    """Which links a collection of curves draws, as {(from, to)}."""
    nearest = [[int(np.linalg.norm(drawing.positions - curve[end], axis=1).argmin()) for end in (0, -1)]
               for curve in lines.get_segments()]
    return {tuple(pair) for pair in nearest}


def test_every_link_is_drawn_once_and_the_others_as_ghosts(web):
    drawing = mn.draw.web(web)
    drawn = [ends(drawing, lines) for lines in drawing.kept.values()]
    assert set().union(*drawn) == set(zip(*np.nonzero(web.links), strict=True))
    assert sum(map(len, drawn)) == web.count
    assert {kind: len(pairs) for kind, pairs in zip(drawing.kept, drawn, strict=True)} == web.kinds()
    assert len(ends(drawing, drawing.ghost)) == 12 * 11


def test_colour_is_the_kind_and_width_the_use(web):
    drawing = mn.draw.web(web)
    for kind, lines in drawing.kept.items():
        assert tuple(lines.get_color()[0]) == pytest.approx(to_rgba(KINDS[kind], 0.8))
        used = [web.used[pair] for pair in zip(*np.nonzero(web.links & drawing._kind[kind]), strict=True)]
        assert np.array_equal(np.argsort(lines.get_linewidths(), kind="stable"), np.argsort(used, kind="stable"))


def test_it_follows_the_web_and_another_one(web):
    drawing = mn.draw.web(mn.routing.Web(12, rng=0))
    drawing.update((web.links, web.used))
    for kind, lines in mn.draw.web(web).kept.items():
        assert np.array_equal(drawing.kept[kind].get_segments(), lines.get_segments())
    web.links[:6] = False  # no sender reaches anybody: all nodes are white
    drawing.update(web)
    assert all(np.allclose(points.get_facecolors()[:, :3], 1) for points in drawing.nodes)


def test_alone_it_shows_itself(web):
    assert mn.draw.web(web)._repr_png_()[0].startswith(b"\x89PNG")
