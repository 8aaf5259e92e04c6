"""The picture one step further is there before the hand asks for it, and all that belongs to it follows."""

import asyncio
import threading
from dataclasses import dataclass

import ipywidgets as widgets
import pytest
from PIL import Image

from minnet.explore import Explorer, foresight
from minnet.explore.dial import slides, to_record
from tests.explore.walking import KINDS, same

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@pytest.fixture(autouse=True)
def a_hand_that_rests_at_once(monkeypatch):
    monkeypatch.setattr(foresight, "PAUSE", 0)
    monkeypatch.setattr(foresight, "RESTS", 0)  # however slow this machine is just now


@dataclass(frozen=True)
class Shown:
    """A number, and what it is worth."""

    number: int
    worth: int


class Toy(Explorer):
    """A number that is worth so much."""

    size = (4, 1)

    def __init__(self):
        self.worth, self.computed = 1, []
        super().__init__()

    def controls(self):
        return {"number": widgets.IntSlider(5, 0, 10, description="Number"),
                "other": widgets.IntSlider(5, 0, 10, description="Another")}

    def draw(self, figure):
        ax = figure.add_subplot()
        ax.set(xlim=(0, 100), yticks=[])
        (self.bar,) = ax.barh([0], [0])
        return [self.bar]

    def frame(self, state):
        self.computed.append(state["number"])
        return Shown(state["number"], self.worth * state["number"])

    def paint(self, frame):
        self.bar.set_width(frame.worth)

    def sentence(self, frame):
        return f"{frame.number} is worth {frame.worth}"


del Explorer.registry["Toy"]  # it is no kind that the other suites try


@pytest.fixture
def toy():
    toy = Toy()
    yield toy
    toy.close()
    assert toy.errors == []


def in_a_notebook(story):
    """Run a coroutine where a kernel's event loop would run it."""
    asyncio.run(story)


async def rest(explorer):
    await asyncio.sleep(0.02)
    assert explorer.wait(60)  # some measure where the hand has come


def told(explorer):
    return [widget.value for widget in explorer.told()]


@every_kind
def test_the_next_picture_is_there_before_it_is_computed(kind, monkeypatch):
    explorer = kind.example()
    assert explorer.wait(60)
    slider = next(explorer.control[name] for name in to_record(explorer) if slides(explorer.control[name]))
    way = foresight.places(slider)
    computed, frame = [], explorer.frame
    monkeypatch.setattr(explorer, "frame", lambda state: computed.append(dict(state)) or frame(state))

    async def story():
        for first, second, third in (way[:3], way[:-4:-1]):
            for there in (first, second, third, first, second):  # at first, some measure where they come
                slider.value = there
                await rest(explorer)
            computed.clear()
            slider.value = third
            early, picture, words = explorer.shown, explorer.png(), told(explorer)
            assert computed == [] and explorer._picture.value == picture
            await rest(explorer)
            assert explorer.state in computed
            same(explorer.shown, early, kind.measured)
            if not kind.measured:
                assert (explorer.png(), told(explorer)) == (picture, words)

    in_a_notebook(story())
    explorer.close()
    assert explorer.errors == []


def test_one_step_back_is_known_too(toy):
    async def story():
        toy.control["number"].value = 6
        toy.computed.clear()
        toy.control["number"].value = 5
        assert toy.computed == [] and toy.shown == Shown(5, 5)

    in_a_notebook(story())


def test_a_jump_is_computed_at_once(toy):
    async def story():
        toy.control["number"].value = 6
        await rest(toy)
        toy.computed.clear()
        toy.control["number"].value = 9
        assert toy.computed == [9] and toy.shown == Shown(9, 9)

    in_a_notebook(story())


def test_behind_the_end_nothing_is_looked_for(toy):
    async def story():
        toy.control["number"].value = 10
        toy.computed.clear()
        await rest(toy)
        assert set(toy.computed) == {9, 10}

    in_a_notebook(story())


def test_only_controls_that_a_recording_may_move_are_looked_ahead_of(toy):
    async def story():
        toy.control["other"].value = 6
        toy.computed.clear()
        await rest(toy)
        assert toy.computed == []

    in_a_notebook(story())


def test_what_has_changed_meanwhile_is_shown_when_the_hand_rests(toy):
    async def story():
        toy.control["number"].value = 6
        await rest(toy)
        toy.worth = 3  # in another cell
        toy.control["number"].value = 7
        await rest(toy)
        assert toy.shown == Shown(7, 21) and "worth 21" in toy._sentence.value
        old = toy.png()
        toy.refresh()
        assert toy.png() == old

    in_a_notebook(story())


def test_a_picture_that_has_changed_is_the_end_of_what_was_known(toy):
    async def story():
        toy.control["number"].value = 6
        await rest(toy)
        toy.worth = 3
        toy.refresh()  # as a background job does
        toy.control["number"].value = 7
        assert toy.shown == Shown(7, 21)

    in_a_notebook(story())


def test_after_a_jump_both_sides_are_known(toy):
    async def story():
        toy.control["number"].value = 8
        await rest(toy)
        toy.computed.clear()
        toy.control["number"].value = 7
        assert toy.computed == [] and toy.shown == Shown(7, 7)

    in_a_notebook(story())


def test_when_the_picture_has_changed_it_looks_again(toy):
    async def story():
        toy.control["number"].value = 6
        await rest(toy)
        toy.worth = 3
        toy.refresh()
        await rest(toy)
        toy.computed.clear()
        for there in (7, 6):
            toy.control["number"].value = there
            assert toy.computed == [] and toy.shown == Shown(there, 3 * there)

    in_a_notebook(story())


def test_while_a_job_goes_on_it_looks_again_now_and_then(toy, monkeypatch):
    clock, going = [100.0], threading.Event()
    monkeypatch.setattr(foresight, "monotonic", lambda: clock[0])
    monkeypatch.setattr(toy, "progress", lambda what: toy.refresh())
    monkeypatch.setattr("minnet.explore.job.INTERVAL", 0)
    monkeypatch.setattr(toy.job, "rest", lambda seconds: None)

    def work():
        while not going.wait(0.001):
            toy.worth += 1
            yield None

    async def looks():
        """How often it looks ahead while the picture changes twenty times."""
        toy.computed.clear()
        while toy.computed.count(6) < 20:
            await asyncio.sleep(0.001)
        return toy.computed.count(7)

    async def story():
        toy.job.start(work())
        toy.control["number"].value = 6
        await looks()
        assert await looks() == 0  # what is known holds
        clock[0] += 1.5 * foresight.FRESH
        assert await looks() == 1
        clock[0] += 2 * foresight.STAYS  # nobody moves any more
        assert await looks() == 0
        going.set()
        assert toy.wait(10)

    in_a_notebook(story())


def test_a_hand_that_has_left_is_waited_for_no_longer(toy, monkeypatch):
    monkeypatch.setattr(foresight, "STAYS", 0)

    async def story():
        toy.control["number"].value = 6
        toy.computed.clear()
        await rest(toy)
        assert toy.computed == []

    in_a_notebook(story())


def test_the_browser_is_not_told_what_is_drawn_ahead(toy):
    pictures = []
    toy._picture.observe(lambda change: pictures.append(change.new), "value")

    async def story():
        toy.control["number"].value = 6
        await rest(toy)
        toy.control["number"].value = 7
        await rest(toy)

    in_a_notebook(story())
    assert 9 > len(toy.computed) > 4 and len(pictures) == 2


def test_slow_pictures_are_drawn_ahead_of_a_hand_that_rests_longer(toy, monkeypatch):
    monkeypatch.setattr(foresight, "RESTS", 1e6)

    async def story():
        toy.control["number"].value = 6
        await rest(toy)
        toy.computed.clear()
        toy.control["number"].value = 7
        assert toy.computed == [7]

    in_a_notebook(story())


def test_without_a_notebook_nothing_is_kept(toy):
    toy.control["number"].value = 6
    toy.computed.clear()
    toy.control["number"].value = 5
    assert toy.computed == [5]


def test_a_saved_figure_shows_the_present_state(toy, tmp_path):
    async def story():
        toy.control["number"].value = 6
        await rest(toy)
        toy.control["number"].value = 7
        toy.savefig(tmp_path / "seven.png", dpi=100)

    in_a_notebook(story())
    toy.refresh()
    toy.savefig(tmp_path / "again.png", dpi=100)
    one, other = (Image.open(tmp_path / name).tobytes() for name in ("seven.png", "again.png"))
    assert toy.shown == Shown(7, 7) and one == other


def test_closed_it_looks_no_further(toy):
    async def story():
        toy.control["number"].value = 6
        toy.computed.clear()
        toy._foresight.stop()  # what close does first
        await rest(toy)
        assert toy.computed == []

    in_a_notebook(story())


def test_an_error_ahead_is_said(toy, monkeypatch):
    monkeypatch.setattr(toy, "frame", lambda state: 1 // (7 - state["number"]) and Shown(state["number"], 1))

    async def story():
        toy.control["number"].value = 6
        await rest(toy)

    in_a_notebook(story())
    assert [type(error) for error in toy.errors] == [ZeroDivisionError]
    assert toy.state["number"] == 6 and toy.shown == Shown(6, 1)
    toy.errors.clear()
