"""From a key press to new pixels: how quickly the explorers answer in JupyterLab.

Three sliders in one notebook, in a headless Chromium, are moved in turn: a bare image of one pixel (the
least that a round trip to the kernel can take), the explorer, and the explorer's figure drawn anew by
`ipywidgets.interact`.  Run it with ``python -m benchmarks.sliders``; it needs the extra `browser` and a Chromium.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.page import Notebook
from tests.browser.server import serve

SETUP = """
import io
import ipywidgets as widgets
from IPython.display import Image, display
from PIL import Image as Pixels
import minnet as mn

digits = mn.data.digits()
net = mn.models.mlp(64, 32, 16, 10, rng=0)
mn.fit(net, digits.train, epochs=20, rng=0, progress=False)

def named(name, *inside):
    box = widgets.VBox(inside)
    box.add_class(name)
    return box
"""
BARE = """
slider, pixel = widgets.IntSlider(50), widgets.Image(format="png")

def one_pixel(change):
    file = io.BytesIO()
    Pixels.new("RGB", (1, 1), (2 * slider.value, 0, 0)).save(file, "PNG")
    pixel.value = file.getvalue()

slider.observe(one_pixel, "value")
one_pixel(None)
named("bare", slider, pixel)
"""
EXPLORER = """
explorer = mn.explore.sparsity(net.copy(), digits)
explorer.set(sparsity=50)
named("explorer", explorer.widget)
"""
INTERACT = """
other = mn.explore.sparsity(net.copy(), digits)

def anew(sparsity):
    figure = mn.draw.Picture(0, 0, size=other.size)
    other.draw(figure)
    other.paint(other.frame({**other.state, "sparsity": sparsity}))
    display(Image(figure.png()))

interactive = widgets.interactive(anew, sparsity=widgets.IntSlider(50))
named("interact", interactive)
"""

# Presses a key on the slider, waits until another picture has arrived and is decoded; milliseconds.
MOVE = """async ([name, key]) => {
    const root = document.querySelector('.' + name), handle = root.querySelector('.noUi-handle');
    const seen = root.querySelector('img')?.src;
    const start = performance.now();
    const arrived = new Promise(done => {
        const look = () => {
            const image = root.querySelector('img');
            if (image && image.src !== seen) { watcher.disconnect(); done(image); }
        };
        const watcher = new MutationObserver(look);
        watcher.observe(root, {subtree: true, childList: true, attributes: true, attributeFilter: ['src']});
    });
    handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    await (await arrived).decode();
    return performance.now() - start;
}"""


def measure(notebook, names, moves):
    """Milliseconds of every move, {name: list}; the candidates take turns."""
    taken = {name: [] for name in names}
    for move in range(moves + 2):
        for name in names:
            key = "ArrowRight" if move % 20 < 10 else "ArrowLeft"
            milliseconds = notebook.page.evaluate(MOVE, [name, key])
            notebook.settle()
            if move >= 2:  # the first two warm up
                taken[name].append(milliseconds)
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=40)
    moves = parser.parse_args().moves
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(cell) for cell in (SETUP, BARE, EXPLORER, INTERACT)]
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server, sync_playwright() as driver:
        nbformat.write(nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=cells),
                       server.folder / "sliders.ipynb")
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(viewport={"width": 1400, "height": 3000}).new_page()  # all cells in sight
        notebook = Notebook(page, server, "sliders.ipynb")
        notebook.run_all()
        taken = measure(notebook, ["bare", "explorer", "interact"], moves)
        browser.close()
    bare = statistics.median(taken["bare"])
    bare_p95 = statistics.quantiles(taken["bare"], n=20)[-1]
    print(f"slider to new pixels, {moves} moves each")
    for name, each in taken.items():
        median, p95 = statistics.median(each), statistics.quantiles(each, n=20)[-1]
        print(f"{name:10} median {median:6.0f} ms ({median / bare:4.2f}× bare)   "
              f"95 % below {p95:6.0f} ms ({p95 / bare_p95:4.2f}× bare)")


if __name__ == "__main__":
    main()
