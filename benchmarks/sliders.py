"""From a key press to new pixels: how quickly the explorers answer in JupyterLab.

For every explorer three sliders in one notebook, in a headless Chromium, are moved in turn: a bare image of one pixel
(the least that a round trip to the kernel can take), the explorer, and the explorer's figure drawn anew by
`ipywidgets.interact`.  Then jumps of several steps (Page Up, Page Down), moves while it trains, 200 moves as fast as
they go, and Cancel.  Run it with ``python -m benchmarks.sliders``; it needs the
extra `browser` and a Chromium.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from itertools import cycle, islice
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

from minnet.explore import Explorer
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.page import Notebook
from tests.browser.server import serve

# As in the lessons; any other kind is measured on its own small example.
LIKE_LESSON = {
    "AgesExplorer": "mn.explore.ages()",
    "RatesExplorer": "mn.explore.rates()",
    "TrainingExplorer": "mn.explore.training(digits)",
    "SparsityExplorer": "mn.explore.sparsity(trained(64, 32, 16, 10), digits)",
    "SpeedExplorer": "mn.explore.speed(trained(64, 512, 512, 10), digits)",
    "DropoutExplorer": "mn.explore.dropout_and_pruning(mn.models.mlp(40, 200, 200, 10, rng=0), mn.data.mnist1d(), "
                     "epochs=100)",
    "StructureExplorer": 'mn.explore.structure({"dense": trained(64, 100, 50, 10)}, digits)',
    "CriteriaExplorer": "mn.explore.criteria([trained(64, 100, 50, 10, seed=seed) for seed in (0, 1, 2)], digits)",
    "TimingExplorer": "mn.explore.timing(maker(64, 100, 50, 10), digits)",
    "IterationsExplorer": "mn.explore.iterations(maker(64, 300, 100, 10), digits)",
    "TicketsExplorer": 'rehearsed(mn.explore.tickets(maker(40, 200, 200, 10), {"in order": mn.data.mnist1d()}))',
    "HeadsExplorer": "mn.explore.heads(attentive(), mn.data.recall())",
    "RegrowthExplorer": "rehearsed(mn.explore.regrowth(maker(64, 300, 100, 10), digits))",
    "PlaygroundExplorer": "playground()",
}
EXAMPLE = "rehearsed(mn.explore.Explorer.registry[{name!r}].example())"
SETUP = """
import io
from time import perf_counter
import ipywidgets as widgets
from IPython.display import Image, display
from PIL import Image as Pixels
import minnet as mn
from minnet.widgets.html_export import slides

digits = mn.data.digits()

def trained(*sizes, seed=0):
    net = mn.models.mlp(*sizes, rng=seed)
    mn.fit(net, digits.train, epochs=5, rng=seed, progress=False)
    return net

def maker(*sizes):
    return lambda seed: mn.models.mlp(*sizes, rng=seed)

def attentive():
    net = mn.models.tiny_transformer(tokens=5, n_in=16, n_out=8, rng=9)
    mn.fit(net, mn.data.recall().train, epochs=4, optimiser=mn.Adam(1e-3), rng=9, progress=False)
    return net

def playground():
    explorer = rehearsed(mn.explore.playground())
    explorer.set(rounds=20, epochs=40)  # a recipe that lasts
    return explorer

def rehearsed(explorer):
    "The same, after everything that its pictures show has been trained or measured."
    explorer.rehearse()
    return explorer

def named(name, *inside):
    box = widgets.VBox(inside)
    box.add_class(name)
    return box

def stamp(slider):
    "Says where the slider stands, as soon as the picture of it has been sent."
    said = widgets.HTML()
    said.add_class("stamp")
    slider.observe(lambda change: setattr(said, "value", repr(change.new)), "value")
    return said

def place(slider, part):
    if hasattr(slider, "options"):
        slider.index = int(part * (len(slider.options) - 1))
    else:
        steps = int(part * (slider.max - slider.min) / slider.step)
        slider.value = type(slider.value)(slider.min + slider.step * steps)
"""
BARE = """
slider, pixel = widgets.IntSlider(50), widgets.Image(format="png")

def one_pixel(change):
    file = io.BytesIO()
    Pixels.new("RGB", (1, 1), (2 * slider.value, 0, 0)).save(file, "PNG")
    pixel.value = file.getvalue()

slider.observe(one_pixel, "value")
one_pixel(None)
named("bare", slider, pixel, stamp(slider))
"""
EXPLORER = """
explorer = {code}
explorer.wait(120)
wanted = [*(explorer.recorded or ()), *explorer.control]
main = next(name for name in wanted if slides(explorer.control[name]))
handle = explorer.control[main]
handle.add_class("main")
place(handle, 0.4)
ahead = (len(handle.options) - 1 - handle.index if hasattr(handle, "options") else
         round((handle.max - handle.value) / handle.step))

def train():
    "Start whatever takes time, if nothing does; what was trained before is trained from another seed."
    for attempt in range(2):
        for button in explorer.buttons:
            if button.description not in ("Reset", "Cancel") and not button.disabled and not explorer.job.running:
                button.click()
            if not explorer.wait(0.1):  # else it was known already
                return True
        if "seed" in explorer.control:
            explorer.set(seed=explorer.control["seed"].value + 1)
    return False

running = []  # at the end of every move: does the job run?
handle.observe(lambda change: running.append(explorer.job.running), "value")

def cancel():
    start = perf_counter()
    explorer.job.cancel()
    explorer.wait()
    return perf_counter() - start

named("explorer", explorer.widget, stamp(handle))
"""
INTERACT = """
other = {code}
other.wait(120)
own = other.control[main]
keys = ("options", "min", "max", "step", "base")
again = type(own)(**{{key: getattr(own, key) for key in keys if hasattr(own, key)}})
place(again, 0.4)

def repaint(value):
    state = {{**other.state, main: value}}
    other.prepare(state)
    figure = mn.draw.Picture(0, 0, size=other.size)
    other.draw(figure)
    other.paint(other.frame(state))
    display(Image(figure.png()))

named("interact", widgets.interactive(repaint, value=again))
"""

# Presses a key on the slider, waits until the picture has followed and is decoded; milliseconds.  Of several pictures
# (while an explorer trains, they come anyway) it is the last one before the stamp, or one that has taken its place.
MOVE = """async ([name, key]) => {
    const root = document.querySelector('.' + name), one = '.noUi-handle';
    const handle = root.querySelector('.main ' + one) ?? root.querySelector(one);
    const picture = () => root.querySelector('img'), stamp = () => root.querySelector('.stamp')?.textContent;
    const seen = stamp(), start = performance.now();
    let last = picture()?.src, decoded = null;
    const arrived = new Promise((done, fail) => {
        const watcher = new MutationObserver(() => {
            if (picture() && picture().src !== last) {
                last = picture().src;
                decoded = picture().decode().then(() => performance.now(), () => null);
            }
            if (seen === undefined ? decoded : stamp() !== seen) { watcher.disconnect(); done(performance.now()); }
        });
        watcher.observe(root, {subtree: true, childList: true, characterData: true, attributes: true});
        setTimeout(() => fail(new Error(`${name}: no other picture after ${key}`)), 30000);
    });
    handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    const same = await arrived;  // if the picture is as it was, there is nothing to decode
    let end = decoded ? await decoded : same;
    while (end === null) end = await picture().decode().then(() => performance.now(), () => null);
    return end - start;
}"""

# Moves as fast as they go, here and there, and at last to the end.
BURST = """() => {
    const handle = document.querySelector('.explorer .main .noUi-handle');
    const press = key => handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    for (let move = 0; move < 199; move++) press(move % 7 < 4 ? 'ArrowRight' : 'ArrowLeft');
    press('End');
}"""


def measure(notebook, names, moves, keys=None):
    """Milliseconds of every move, {name: list}; the candidates take turns, and between two moves all is still."""
    taken = {name: [] for name in names}
    start(notebook)
    for number, key in enumerate(islice(cycle(keys) if keys else steps(notebook), moves + 2)):
        for name in names:
            milliseconds = notebook.page.evaluate(MOVE, [name, key])
            notebook.settle()
            if number >= 2:  # the first two warm up
                taken[name].append(milliseconds)
    return taken


def measure_beside(notebook, moves, before, wanted="True"):
    """Milliseconds of the moves that are wanted, each 0.2 s after something was done.

    A training is not still before it ends, so nothing is waited for."""
    taken = []
    start(notebook)
    for key in islice(steps(notebook), moves):
        notebook.run(before)
        notebook.page.wait_for_timeout(200)
        milliseconds = notebook.page.evaluate(MOVE, ["explorer", key])
        notebook.page.wait_for_timeout(200)
        if notebook.value(wanted):
            taken.append(milliseconds)
    return taken


def start(notebook):
    notebook.run("place(handle, 0.4)")
    notebook.settle()


def steps(notebook):
    """Some steps to the right, and back again."""
    there = notebook.value("min(10, ahead)")
    return cycle(["ArrowRight"] * there + ["ArrowLeft"] * there)


def burst(notebook):
    """Whether 200 moves end on the last value, shown."""
    notebook.page.evaluate(BURST)
    notebook.settle()
    image = notebook.page.locator(".explorer .widget-image").first
    last = "handle.index == len(handle.options) - 1 if hasattr(handle, 'options') else handle.value == handle.max"
    png = "__import__('hashlib').sha256(explorer.png()).hexdigest()[:12]"
    return notebook.value(last) and notebook.value(png) == notebook.fingerprint(image)


def row(notebook, moves):
    """All the figures of one explorer."""
    rest = measure(notebook, ["bare", "explorer", "interact"], moves)
    jump = measure(notebook, ["bare", "explorer"], moves // 2, ["PageUp", "PageDown"])
    bare, median = (statistics.median(rest[name]) for name in ("bare", "explorer"))
    bare95, p95 = (statistics.quantiles(rest[name], n=20)[-1] for name in ("bare", "explorer"))
    said = (f"bare {bare:4.0f} ms, explorer {median:4.0f} ms: median {median / bare:4.2f}× bare, 95 % below "
            f"{p95 / bare95:4.2f}×; interact {statistics.median(rest['interact']) / median:4.1f}× slower; "
            f"a jump {statistics.median(jump['explorer']) / statistics.median(jump['bare']):4.2f}× bare; "
            f"200 moves: {'ends on the last' if burst(notebook) else 'DOES NOT END ON THE LAST'}")
    if notebook.value("train()"):
        busy = measure_beside(notebook, moves, "train()", "running[-1]") or [math.nan]  # it ends too early to be met
        notebook.run("cancel()")
        idle = measure_beside(notebook, moves, "cancel()")
        notebook.run("train()")
        said += (f"; while training {statistics.median(busy) / statistics.median(idle):4.2f}× at rest "
                 f"({len(busy)} moves), Cancel after {notebook.value('cancel()'):.3f} s")
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--only", default="", help="kinds of explorers, with commas between them")
    chosen = parser.parse_args()
    kinds = [name for name in Explorer.registry if not chosen.only or name in chosen.only.split(",")]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    print(f"slider to new pixels, {chosen.moves} moves each; “bare” is an image of one pixel in the same notebook")
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in kinds:
            code = LIKE_LESSON.get(name) or EXAMPLE.format(name=name)
            cells = [nbformat.v4.new_code_cell(cell)
                     for cell in (SETUP, BARE, EXPLORER.format(code=code), INTERACT.format(code=code))]
            nbformat.write(nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=cells),
                           server.folder / f"{name}.ipynb")
            context = browser.new_context(viewport={"width": 1400, "height": 3000})  # all cells in sight
            notebook = Notebook(context.new_page(), server, f"{name}.ipynb")
            notebook.run_all()
            assert not (wrong := notebook.problems()), wrong
            print(f"{name:20} {row(notebook, chosen.moves)}", flush=True)
            notebook.page.evaluate("() => window.minnet.panel.sessionContext.shutdown()")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
