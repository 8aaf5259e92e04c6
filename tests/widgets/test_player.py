"""A play button and a slider that stand at the same place, whichever of them moves."""

import ipywidgets as widgets
import pytest

from minnet.widgets.controls import Player


@pytest.fixture(params=["numbers", "words"])
def slider(request):
    if request.param == "numbers":
        return widgets.IntSlider(3, 1, 9)
    return widgets.SelectionSlider(options=list("abcdefghi"), value="c")


def place(slider):
    return slider.index + 1 if hasattr(slider, "options") else slider.value


def test_both_stand_at_the_same_place(slider):
    player = Player(slider)
    first = player.min
    assert (place(slider), player.value - first, player.max - first) == (3, 2, 8)
    player.value += 1
    assert place(slider) == 4
    setattr(slider, "index" if hasattr(slider, "options") else "value", player.max)
    assert player.value == player.max and place(slider) == 9


def test_closed_it_lets_go(slider):
    player = Player(slider)
    player.close()
    setattr(slider, "index" if hasattr(slider, "options") else "value", player.max)
    assert player.value < player.max
