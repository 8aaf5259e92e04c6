"""A notebook in JupyterLab as a test sees it: open, run, move a control, wait until all is still, look.

The page is driven through JupyterLab's own command registry (`window.jupyterapp`), so nothing here depends on
where a menu entry stands; sliders are moved by keyboard, as a learner might.
"""

import base64
import hashlib
import json

from tests.notebooks import cell_problems, print_as_json

# Follows every message of the notebook's kernel: counts the widgets' messages (so that a test can wait until
# there are no more) and keeps errors, also those of widget callbacks, which belong to no cell. Before a
# notebook has imported ipywidgets, JupyterLab asks the kernel for widgets in vain; that answer, about a comm
# which the kernel never opened, is no error of the lesson's.
WATCH = """async () => {
    const panel = jupyterapp.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    const kernel = panel.sessionContext.session.kernel;
    window.minnet = {panel, kernel, moves: 0, errors: []};
    const opened = new Set();
    const inVain = line => {
        const [, target, comm] = line.match(/^No such comm(?: target registered: (\\S+)|: (\\S+))$/) ?? [];
        return line === '' || target === 'jupyter.widget.control' || (comm && !opened.has(comm));
    };
    kernel.anyMessage.connect((_, {msg, direction}) => {
        const type = msg.header.msg_type, content = msg.content;
        if (type === 'comm_open' && direction === 'recv') opened.add(content.comm_id);
        if (type === 'comm_msg') window.minnet.moves += 1;
        if (type === 'error') window.minnet.errors.push(`${content.ename}: ${content.evalue}`);
        if (type === 'stream' && content.name === 'stderr')
            window.minnet.errors.push(...content.text.split('\\n').filter(line => !inVain(line)));
    });
}"""

RUN_ALL = "() => jupyterapp.commands.execute('notebook:run-all-cells')"

# Runs code in the notebook's kernel, outside any cell; resolves to what it printed.
EXECUTE = """async code => {
    const future = minnet.kernel.requestExecute({code, store_history: false, stop_on_error: false});
    let printed = '';
    future.onIOPub = msg => { if (msg.header.msg_type === 'stream') printed += msg.content.text; };
    const reply = await future.done;
    if (reply.content.status !== 'ok') throw new Error(`${reply.content.ename}: ${reply.content.evalue}`);
    return printed;
}"""

# The kernel handles messages in order, so its answer means that it has dealt with every move before. The page
# may hold a last move back until then (it sends one at a time), hence again until a turn passes without any.
SETTLE = """async () => {
    for (let before = -1; before !== minnet.moves; ) {
        before = minnet.moves;
        await minnet.kernel.requestExecute({code: '', silent: true}).done;
        await new Promise(done => setTimeout(done, 50));
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    }
}"""

# Scrolls to the first cell whose source has this in it.
SHOW = """async source => {
    const cells = minnet.panel.content.widgets;
    const index = cells.findIndex(cell => cell.model.sharedModel.getSource().includes(source));
    await minnet.panel.content.scrollToItem(index);
}"""

# Any of the above, given up when it takes too long: a page would wait for a stuck kernel for ever.
IN_TIME = """([argument, seconds]) => Promise.race([(%s)(argument), new Promise((_, fail) => setTimeout(
    () => fail(new Error(`the kernel was still busy after ${seconds} s`)), 1000 * seconds))])"""

PICTURE = """async image => {
    await image.decode();
    const reader = new FileReader();
    const read = new Promise(done => { reader.onload = done; });
    reader.readAsDataURL(await (await fetch(image.src)).blob());
    await read;
    return reader.result.split(',')[1];  // base64: a list of numbers would take seconds to pass on
}"""


class Notebook:
    """An open notebook. `page` is Playwright's, for everything that has no helper here."""

    def __init__(self, page, server, path):
        self.page = page
        self._page_errors = []  # what the page itself complained about
        page.on("pageerror", lambda error: self._page_errors.append(f"the page raised: {error}"))
        page.goto(server.url(f"lab/tree/{path}?reset"))  # without the tabs of the test before
        page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel")
        self._in_time(WATCH)

    def _in_time(self, script, argument=None, seconds=180):
        return self.page.evaluate(IN_TIME % script, [argument, seconds])

    def run_all(self, seconds=180):
        """Run All, and wait until every cell is done and every widget is there."""
        self._in_time(RUN_ALL, seconds=seconds)
        self.settle()

    def settle(self):
        """Wait until kernel and widgets have nothing more to tell each other."""
        self._in_time(SETTLE)

    def run(self, code):
        """Run code in the lesson's kernel, as a cell would, and return what it printed."""
        return self._in_time(EXECUTE, code)

    def value(self, expression):
        """The value of an expression in the lesson's kernel, as JSON can tell it (arrays become lists)."""
        return json.loads(self.run(print_as_json(expression)))

    def slider(self, label):
        """The handle of the slider with this label: `.press("ArrowRight")`, `.press("End")` …"""
        name = self.page.locator(".widget-label", has_text=label)
        return self.page.locator(".widget-slider").filter(has=name).locator(".noUi-handle").first

    def press(self, handle, *keys):
        """Move a control by keyboard, key after key, and wait until all is still."""
        handle.focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def picture(self, locator):
        """The file that an `<img>` shows, as bytes (a finished one: it has been decoded)."""
        return base64.b64decode(locator.evaluate(PICTURE))

    def fingerprint(self, locator):
        """A short name for what an `<img>` shows; another picture has another name."""
        return hashlib.sha256(self.picture(locator)).hexdigest()[:12]

    def present(self):
        """Switch presentation mode on or off."""
        self.page.evaluate("() => jupyterapp.commands.execute('application:toggle-presentation-mode')")

    def show(self, source):
        """Scroll to the first cell that has this in its source."""
        self.page.evaluate(SHOW, source)

    def cells(self):
        """The cells with their outputs, as they would be saved."""
        return self.page.evaluate("() => minnet.panel.content.model.toJSON().cells")

    def problems(self):
        """What a learner should not see, one string each: errors, warnings, broken widgets, toasts."""
        found = cell_problems(self.cells()) + self._page_errors + self.page.evaluate("() => minnet.errors")
        for sight in ("text=Error displaying widget", ".Toastify__toast"):
            found += self.page.locator(sight).all_inner_texts()
        return found
