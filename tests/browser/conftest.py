"""The fixtures of the browser tests: JupyterLab, Chromium, and `open_notebook`.

They are skipped, with the reason, where Playwright (extra `browser`) or a Chromium is missing.
"""

import shutil

import pytest

from tests.browser.server import serve

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="package")
def server(tmp_path_factory):
    """JupyterLab with a copy of the lessons, alive for all the browser tests."""
    with serve(tmp_path_factory.mktemp("jupyterlab")) as server:
        yield server


@pytest.fixture(scope="package")
def browser():
    """A headless Chromium, alive for all the browser tests."""
    playwright = pytest.importorskip("playwright.sync_api",
                                     reason="needs the extra `browser`: pip install -e '.[browser]'")
    if CHROMIUM is None:
        pytest.skip("needs a Chromium on the path, for example: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_notebook(browser, server):
    """`open_notebook("lessons/03_removing_weights.ipynb")` opens a lesson as a `Notebook`."""
    from tests.browser.page import Notebook

    contexts = []

    def open_notebook(path, **options):
        context = browser.new_context(viewport={"width": 1400, "height": 900}, **options)
        contexts.append(context)
        return Notebook(context.new_page(), server, path)

    yield open_notebook
    for context in contexts:
        for page in context.pages:  # end the kernel, so that it takes nothing from the next test
            page.evaluate("() => window.minnet?.panel.sessionContext.shutdown()")
        context.close()
