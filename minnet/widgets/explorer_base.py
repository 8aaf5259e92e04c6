"""The base of all explorers: controls → state → numbers → picture.

An explorer says which controls it has, computes every number that is shown from their state and from its experiment
(`frame`, which touches no widget), and puts the numbers into artists that already exist (`paint`).  Everything else is
here: the quick picture, the sentence for a screen reader, messages, Reset, background jobs, and closing.
"""

from __future__ import annotations

import base64
import threading
from contextlib import ExitStack, contextmanager
from html import escape

import ipywidgets as widgets
import numpy as np
from traitlets import TraitError

from minnet.draw import Picture, lecture_mode
from minnet.draw.figure import white_paper
from minnet.messages import closest, file, keywords, number, short, text
from minnet.widgets import html_export
from minnet.widgets.background_job import Job
from minnet.widgets.canvas import Canvas
from minnet.widgets.controls import dress, row

BROWSER = 0.1  # seconds in which a background job leaves the computer to the browser, after each move
UNDRAWN = object()
SAVING = ("dpi", "format", "metadata", "bbox_inches", "pad_inches", "facecolor", "edgecolor", "transparent",
          "orientation", "pil_kwargs")  # options of `savefig`, as matplotlib has them


class Explorer:
    """Controls, a picture and a sentence that always agree.

    A subclass makes its experiment and then calls ``super().__init__(experiment)``.  It defines

    - ``controls()`` → {name: widget with a value}
    - ``draw(figure)`` → the moving artists, after drawing everything into the figure
    - ``frame(state)`` → every number that is shown; it reads no widget
    - ``paint(frame)``: puts the numbers into the artists
    - ``sentence(frame)`` → the same in words
    - ``example()`` → a small one of its kind, for the tests that try every kind in `registry`

    and, where they are needed, ``subject(state)``, ``prepare(state)``, ``rows()``, ``moved()`` and
    ``progress(what)``.

    Parameters
    ----------
    experiment : object, optional
        Everything that is trained or measured.  Two explorers over one experiment show the same.

    Attributes
    ----------
    experiment : object or None
    state : dict of {control: value}
    shown : object
        The frame that is shown.
    job : Job
        For work in the background; ``progress(what)`` is called with how far it is.
    errors : list of Exception
        What went wrong in callbacks, where Jupyter would only log it.
    """

    registry = {}  # every kind of explorer by the name of its class
    size = (10, 5.6)  # inches of 100 pixels
    measured = ()  # fields of the frame that a clock gave: they are not the same a second time
    recorded = None  # what `save_html` records: {control: how many places, or which, or None for all}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Explorer.registry[cls.__name__] = cls

    def __init__(self, experiment=None):
        self._options = dict(vars(self))  # what the subclass was given besides the experiment
        self.experiment = experiment
        self._lock = threading.RLock()  # one thread at a time moves, reports or closes
        self._gate = threading.Event()
        self._gate.set()
        self._quiet, self._posed, self._drawn, self._closed = False, None, UNDRAWN, False
        self.errors = []
        self._room = lecture_mode.room()
        self.buttons = []
        self.job = Job(self._progress, self._gate)
        self.control = self.controls()
        self._start = self.state
        self._picture = widgets.Image(format="png",
                                      layout={"width": f"{100 * self.size[0]:.0f}px", "max_width": "100%"})
        self._sentence = widgets.HTML(layout={"min_height": "100px"})
        self._message = widgets.HTML(layout={"min_height": "24px"})
        self._message.add_class("minnet-message")
        self._reset = self.button("Reset", self.reset, "Put everything back to where it was when the explorer opened")
        parts = self.rows()
        self.refresh()
        self.widget = dress(widgets.VBox(parts), self._room)
        for control in self.control.values():
            control.observe(self._on_move, "value")

    def another(self):
        """Another explorer over the same experiment, which opens with the controls as they stand here."""
        other = type(self).__new__(type(self))
        vars(other).update(self._options)
        Explorer.__init__(other, self.experiment)
        other.place(**self.state)
        return other

    # ---- what a subclass fills in -------------------------------------------------------------------

    def controls(self):
        """The controls by name; each has a ``value``."""
        raise NotImplementedError

    def draw(self, figure):
        """Draw everything once; return the artists that will move, bottom first."""
        raise NotImplementedError

    def frame(self, state):
        """Every number that is shown in this state."""
        raise NotImplementedError

    def paint(self, frame):
        """Put the numbers into the artists."""
        raise NotImplementedError

    def sentence(self, frame):
        """What the picture shows, in words: HTML, in which names from the data are passed through ``html.escape``."""
        raise NotImplementedError

    @staticmethod
    def example():
        """A small explorer of this kind that opens in well under a second: a tiny network, few samples."""
        raise NotImplementedError("this explorer has no example: write, under @staticmethod, def example(): "
                                  "return MyExplorer(a tiny network, few(mn.data.digits())), with few from "
                                  "minnet.widgets.controls")

    def subject(self, state):
        """What the figure is drawn for; whenever this changes, it is drawn again, and not only painted."""

    def prepare(self, state):
        """Bring the experiment to what the controls describe: masks, a new run.  Called before every `frame`."""

    def moved(self):
        """Called after a move, when it is shown: start what belongs to it, for example a measurement."""

    def progress(self, what):
        """How far the background job is (None: it has ended); called in its thread."""

    def texts(self):
        """The widgets whose words belong to the picture, from top to bottom."""
        return [self._message, self._sentence]

    def rows(self):
        """The widgets from top to bottom."""
        return [row(*self.control.values(), self._reset), self._message, self._picture, self._sentence]

    # ---- the way from a control to the picture ------------------------------------------------------

    @property
    def state(self):
        """The present value of every control."""
        return self._posed or {name: control.value for name, control in self.control.items()}

    def set(self, **values):
        """Move controls, all at once: ``explorer.set(sparsity=90)``."""
        self._open()
        self.place(**values)
        self.moved()

    def place(self, **values):
        """Put controls somewhere and show what they describe then; nothing else is started by it."""
        for name in values:
            if name not in self.control:
                raise ValueError(f"no control {name!r}." + closest(name, self.control))
        with self._lock:
            before = {name: self.control[name].value for name in values}
            with self._silently():
                try:
                    for name, value in values.items():
                        control = self.control[name]
                        rounded = isinstance(control.value, int) and not hasattr(control, "options")
                        if (rounded and not isinstance(value, (int, np.integer))) or (
                                value is None and before[name] is not None):
                            raise TraitError  # the widget would round it, or take it for no choice
                        control.value = value
                except Exception:  # as each kind of control says it
                    for each, old in before.items():
                        self.control[each].value = old
                    raise ValueError(f"{name} can't be {short(value)}; {_takes(self.control[name])}") from None
            self.refresh()

    def reset(self):
        """Put all controls back to where they stood at first."""
        self.say("")
        self.set(**self._start)

    def refresh(self):
        """Compute, paint and say the present state."""
        self._gate.clear()  # a background job waits meanwhile
        try:
            with self._lock:
                if self._closed:
                    return
                state = self.state
                self.prepare(state)
                self._draw_if_changed(self.subject(state))
                self.shown = self.frame(state)
                self.paint(self.shown)
                self._png = self._screen.png()
                if self._posed is None:
                    self._picture.value = self._png
                self._sentence.value = f'<p role="status" aria-live="polite">{self.sentence(self.shown)}</p>'
        finally:
            self._gate.set()

    def redraw(self):
        """Draw the figure again from the start."""
        with self._lock:
            self._drawn = UNDRAWN
            self.refresh()

    def _draw_if_changed(self, subject):
        if self._drawn is UNDRAWN or subject != self._drawn:
            with white_paper():
                figure = Picture(0, 0, size=self.size, room=self._room)
                self._screen = Canvas(figure, self.draw(figure))
            self._drawn = subject

    def say(self, message):
        """Show a message beside the controls, plain text: what cannot be done, and what to do instead."""
        message = text(message, "message")
        self._message.value = f'<p role="alert">{escape(message, quote=False)}</p>' if message else ""

    def _on_move(self, change):
        with self._lock:  # so that another thread is not just placing controls
            if not self._quiet:
                self.job.rest(BROWSER)
                self.say("")
                self._careful(self._answer, change)
                self.job.rest(BROWSER)  # counted from the end of the answer

    def _answer(self, change):
        self.refresh()
        self.moved()

    def _progress(self, what):
        self._careful(self.progress, what)

    def _careful(self, act, *arguments):
        """Do something in a callback.  An error there would only be logged: keep it and say it."""
        with self._lock:
            if self._closed:  # a long step of the job may end after that
                return
            try:
                act(*arguments)
            except Exception as error:
                self.errors.append(error)
                self.say(f"Something went wrong: {type(error).__name__}: {error}")
                raise

    @contextmanager
    def _silently(self):
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def button(self, label, act, tooltip=""):
        """A button that acts when it is pressed."""
        if not isinstance(label, str) or not isinstance(tooltip, str):
            raise TypeError(f"label and tooltip of a button are texts, got {short(label)} and {short(tooltip)}")
        button = widgets.Button(description=label, tooltip=tooltip, layout={"width": "auto"})
        button.on_click(lambda _: self._careful(act))
        self.buttons.append(button)
        return button

    @contextmanager
    def undisturbed(self):
        """``with explorer.undisturbed() as pose:``: inside, ``pose(sparsity=90)`` shows any state, while no control
        moves and nothing is sent to the browser; afterwards everything is as it was."""
        def pose(**values):
            self._posed = {**before, **values}
            self.refresh()

        before = self.state
        with self._lock, ExitStack() as held:
            for widget in all_inside(self.widget):
                held.enter_context(widget.hold_sync())
            try:
                yield pose
            finally:
                self._posed = None
                self.refresh()

    # ---- in a notebook ------------------------------------------------------------------------------

    def wait(self, timeout=None):
        """Wait for the background job; False if it is still running after ``timeout`` seconds."""
        return self.job.wait(timeout)

    def close(self):
        """End the job and take away the widgets; the last picture stays in the notebook's file."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self.job.close()  # without the lock, for which its thread may wait
        with self._lock:
            for widget in all_inside(self.widget):
                for part in (widget, widget.layout, getattr(widget, "style", None)):
                    if part is not None:
                        part.close()
            self._screen.close()

    @property
    def in_lecture(self):
        """Whether it was opened in lecture mode."""
        return self._room is lecture_mode.LECTURE

    def save_html(self, path, title=None):
        """Save it as one page, at most 5 MB, in which the controls still work: no kernel, no network.

        Parameters
        ----------
        path : str or path
            Ends in ``.html``.
        title : str, optional
        """
        self._open()
        html_export.save(self, path, text(title, "title"))

    def rehearse(self):
        """Do what a visitor of a saved page would want to have been done, for example train; wait for its end."""

    def savefig(self, path, **options):
        """Save the present picture in print quality, ``explorer.savefig("figure.pdf")``; options as matplotlib's."""
        self._open()
        keywords(options, SAVING, "savefig")
        if "dpi" in options:
            number(options["dpi"], "dpi", above=10, below=2400)
        with self._lock:
            self._screen.figure.savefig(file(path, example="figure.pdf"), **options)

    def _open(self):
        if self._closed:
            raise RuntimeError(f"this explorer is closed; open another one: {self!r}")

    def png(self):
        """The present picture as the bytes of a PNG file."""
        return self._png

    def _repr_mimebundle_(self, **kwargs):
        bundle = ({} if self._closed else self.widget._repr_mimebundle_(**kwargs)) or {}
        data, rest = bundle if isinstance(bundle, tuple) else (bundle, {})
        # Where no kernel answers (an exported page, a preview), the picture is still there.
        return {**data, "image/png": base64.b64encode(self.png()).decode(), "text/plain": repr(self)}, rest

    def __repr__(self):
        said = ", ".join(f"{name}={value!r}" for name, value in self._start.items())
        return f"{type(self).__name__}({said})"


def _takes(control):
    """What a control may be set to, in words."""
    if hasattr(control, "options"):
        return f"it is one of {', '.join(map(repr, html_export.places(control)))}"
    if hasattr(control, "max"):
        return f"it goes from {control.min} to {control.max} in steps of {getattr(control, 'step', None) or 1}"
    return f"it is now {control.value!r}"


def all_inside(widget):
    """A widget and all its descendants."""
    for child in getattr(widget, "children", ()):
        yield from all_inside(child)
    yield widget
