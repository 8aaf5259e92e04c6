"""An explorer as one HTML file in which its sliders still work, with no kernel and no network.

Every place on a grid of the controls is shown once, and what it shows is kept: pictures in tiles, so that what stays
the same is stored once, and words.  The page (`page.html`) puts them together again as the reader moves the controls.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from PIL import Image

from minnet.files import atomic_write
from minnet.widgets.controls import DARK, STYLE

# ---- Values of controls ------------------------------------------------------------------------------


MOST = 200  # frames, where an explorer does not say
PLACES = 21  # of its first slider
FEW = 5  # options up to this number are buttons beside each other


@dataclass(frozen=True)
class ControlValues:
    """A control of the page.

    Attributes
    ----------
    name, label : str
    values : tuple
        Where it can stand.
    said : tuple of str
        The same in words.
    start : int
        Where it stands at first.
    slides : bool
        Along a line; otherwise it is a choice.
    """

    name: str
    label: str
    values: tuple
    said: tuple
    start: int
    slides: bool

    def html(self, number):
        """The control in HTML."""
        name, label = f"dial{number}", html.escape(self.label)
        if self.slides:
            said = html.escape(json.dumps(self.said), quote=True)
            return (f'<div><label for="{name}">{label}</label><input type="range" id="{name}" name="{name}" min="0" '
                    f'max="{len(self.values) - 1}" value="{self.start}" data-said="{said}">'
                    f'<output for="{name}"></output></div>')
        if self.values == (False, True):
            checked = " checked" if self.start else ""
            return f'<div><label><input type="checkbox" name="{name}"{checked}> {label}</label></div>'
        if len(self.values) > FEW:
            options = "".join(f'<option value="{i}"{" selected" if i == self.start else ""}>{html.escape(said)}'
                              "</option>" for i, said in enumerate(self.said))
            return f'<div><label for="{name}">{label}</label><select id="{name}" name="{name}">{options}</select></div>'
        buttons = "".join(f'<label><input type="radio" name="{name}" value="{i}"'
                          f'{" checked" if i == self.start else ""}> {html.escape(said)}</label>'
                          for i, said in enumerate(self.said))
        return f"<fieldset><legend>{label}</legend>{buttons}</fieldset>"

    def coarser(self):
        """The same with every second place, the present one and both ends among them."""
        kept = sorted({*range(self.start % 2, len(self.values), 2), self.start, 0, len(self.values) - 1})
        return ControlValues(self.name, self.label, tuple(self.values[i] for i in kept),
                             tuple(self.said[i] for i in kept), kept.index(self.start), self.slides)


def dials_of(explorer):
    """The controls that are recorded, each with its places."""
    dials = [_dial(name, explorer.control[name], which) for name, which in to_record(explorer).items()
             if not explorer.control[name].disabled]
    if not dials:
        raise ValueError(f"{type(explorer).__name__} has no control that can be recorded; let its `recorded` name one")
    return dials


def to_record(explorer):
    """Which controls may be moved to see what is shown there: {name: how many places, or which, or None for all}."""
    return explorer.recorded if explorer.recorded is not None else _sensible(explorer.control)


def _sensible(controls):
    chosen = {name: PLACES for name, each in controls.items() if slides(each)}
    chosen = dict(list(chosen.items())[:1])
    frames = PLACES if chosen else 1
    for name, control in controls.items():
        count = len(control.options) if hasattr(control, "options") else 2 * isinstance(control.value, bool)
        if name not in chosen and count > 1 and frames * count <= MOST:
            chosen[name] = None
            frames *= count
    return chosen


def slides(control):
    """Whether a control is a slider."""
    return isinstance(control, (widgets.SelectionSlider, widgets.IntSlider, widgets.FloatSlider,
                                widgets.FloatLogSlider))


def places(control):
    """Where a control can stand, in order; the present value is among them."""
    if hasattr(control, "options"):
        return list(_options(control).values())
    if isinstance(control.value, bool):
        return [False, True]
    count = round((control.max - control.min) / control.step) + 1
    steps = [control.min + i * control.step for i in range(count)]
    if hasattr(control, "base"):  # of a logarithmic slider these are exponents
        steps = [control.base**step for step in steps]
    return sorted({type(control.value)(step) for step in steps} | {control.value})


def _options(control):
    """The options of a choice, {label: value}."""
    return dict(each if isinstance(each, tuple) else (str(each), each) for each in control.options)


def _dial(name, control, which):
    words = _words(control)
    values = list(words)
    if isinstance(which, int):
        at = np.linspace(0, len(values) - 1, min(which, len(values))).round().astype(int)
        values = [values[i] for i in np.unique(at)]
    elif which is not None:
        values = [value for value in values if value in which]
    values = [value for value in words if value in values or value == control.value]  # in their order
    return ControlValues(name, control.description or name, tuple(values), tuple(words[value] for value in values),
                         values.index(control.value), hasattr(control, "max") or slides(control))


def _words(control):
    """Where a control can stand, and how that is written: {value: words}."""
    values = places(control)
    if hasattr(control, "options"):
        return {value: label for label, value in _options(control).items()}
    if isinstance(control.value, bool):
        return {False: "off", True: "on"}
    return {value: f"{value:,g}" if isinstance(value, float) else f"{value:,}" for value in values}


# ---- Pages -------------------------------------------------------------------------------------------


LIMIT = 5_000_000  # bytes of a page
TILE = 256, 144  # pixels
QUALITY = 50  # of a tile that is packed with losses
TEMPLATE = Path(__file__).with_name("page.html")


def save(explorer, path, title=None):
    """Write an explorer as a page; see `Explorer.save_html`."""
    path = _checked(path)
    if explorer.job.running:
        raise RuntimeError("it is still training, and a recording would show a part of each moment; call "
                           "explorer.wait() or press Cancel, then save")
    dials = dials_of(explorer)
    tape = Recording(explorer, dials)
    page = _page(explorer, tape, dials, title)
    while len(page) > LIMIT:
        widest = max((dial for dial in dials if dial.slides), key=lambda dial: len(dial.values), default=None)
        if widest is None or len(widest.values) <= 3:
            raise ValueError(f"the page would have {len(page):,} bytes, more than {LIMIT:,}; let this explorer's "
                             "`recorded` name fewer controls")
        dials = [dial.coarser() if dial is widest else dial for dial in dials]
        page = _page(explorer, tape, dials, title)
    atomic_write.put(path, page)


def _checked(path):
    if not isinstance(path, (str, Path)):
        raise TypeError(f"save_html takes the name of a file, got {path!r}; write explorer.save_html('explorer.html')")
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it, {path / 'explorer.html'}")
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a page's name ends in .html, got {path.name!r}; write "
                         f"explorer.save_html({str(path.with_suffix('.html'))!r})")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to put {path.name} into; make it first")
    return path


# ---- the frames -----------------------------------------------------------------------------------------


class Recording:
    """What an explorer showed at every place of a grid.

    Attributes
    ----------
    tiles : list of bytes
        Packed pieces of pictures.
    texts : list of str
    frames : dict of {values: (numbers of tiles, numbers of texts)}
    size : (int, int)
        Of the pictures, in pixels.
    """

    def __init__(self, explorer, dials):
        self.tiles, self.texts, self.frames = [], [], {}
        self._tiles, self._texts = {}, {}
        with explorer.undisturbed() as pose:
            for values in product(*(dial.values for dial in dials)):
                pose(**{dial.name: value for dial, value in zip(dials, values, strict=True)})
                texts = [self._text(each.value) for each in explorer.texts()]
                self.frames[values] = self._pieces(explorer.png()), texts

    def _pieces(self, png):
        """The numbers of a picture's tiles."""
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        self.size, (width, height) = picture.size, TILE
        corners = product(range(0, picture.height, height), range(0, picture.width, width))
        return [self._tile(picture.crop((x, y, min(x + width, picture.width), min(y + height, picture.height))))
                for y, x in corners]

    def _tile(self, piece):
        key = piece.size, piece.tobytes()
        if key not in self._tiles:
            self._tiles[key] = len(self.tiles)
            self.tiles.append(min(_packed(piece, lossless=True), _packed(piece, quality=QUALITY), key=len))
        return self._tiles[key]

    def _text(self, text):
        if text not in self._texts:
            self._texts[text] = len(self.texts)
            self.texts.append(text)
        return self._texts[text]

    def part(self, dials):
        """What a page with these dials needs: its frames in order, its tiles and its texts."""
        frames = [self.frames[values] for values in product(*(dial.values for dial in dials))]
        needed = [sorted({number for frame in frames for number in frame[kind]}) for kind in (0, 1)]
        numbers = [{old: new for new, old in enumerate(each)} for each in needed]
        return {"frames": [[[numbers[kind][old] for old in frame[kind]] for kind in (0, 1)] for frame in frames],
                "tiles": [base64.b64encode(self.tiles[old]).decode() for old in needed[0]],
                "texts": [self.texts[old] for old in needed[1]]}


def _packed(picture, **how):
    file = io.BytesIO()
    picture.save(file, "WEBP", method=4, **how)
    return file.getvalue()


# ---- the page -------------------------------------------------------------------------------------------


def _page(explorer, tape, dials, title):
    """The bytes of the file."""
    heading, call = _named(explorer)
    start = tuple(dial.values[dial.start] for dial in dials)
    recording = {**tape.part(dials), "counts": [len(dial.values) for dial in dials], "tile": TILE}
    first = base64.b64encode(_packed(Image.open(io.BytesIO(explorer.png())).convert("RGB"), quality=QUALITY)).decode()
    parts = {
        "title": html.escape(title or heading), "style": STYLE, "dark": DARK,
        "lecture": " minnet-lecture" if explorer.in_lecture else "",
        "controls": "\n".join(dial.html(number) for number, dial in enumerate(dials)),
        "width": str(tape.size[0]), "height": str(tape.size[1]), "first": f"data:image/webp;base64,{first}",
        "said": "".join(f'<div class="{" ".join(each._dom_classes)}">{tape.texts[text]}</div>'
                        for each, text in zip(explorer.texts(), tape.frames[start][1], strict=True)),
        "about": _about(explorer, dials, call, len(recording["frames"])),
        "recording": json.dumps(recording, separators=(",", ":")).replace("<", "\\u003c"),
    }
    template = TEMPLATE.read_text("utf-8")
    return re.sub(r"\[(\w+)\]", lambda found: parts.get(found[1], found[0]), template).encode()


def _named(explorer):
    """The first line of its description: what it is, and how it is called."""
    line = (type(explorer).__doc__ or type(explorer).__name__).strip().splitlines()[0]
    heading, _, call = line.partition(": ``")
    return heading.rstrip("."), call.rstrip("`.")


def _about(explorer, dials, call, count):
    """What the page is, how it was made, and what it cannot do (HTML)."""
    recorded = {dial.name for dial in dials}
    fixed = [f"{control.description} {_said(control)}" for name, control in explorer.control.items()
             if name not in recorded]
    buttons = [button.description for button in explorer.buttons if button.description not in ("Reset", "Cancel")]
    said = [f"A recording of <code>{html.escape(call)}</code>" if call else "A recording",
            f", made with minnet: {count:,} positions of the controls above, with their pictures and words. "
            "Everything is in this file; it needs no network and no Python."]
    if fixed:
        said.append(f" While it was recorded, these stood still: {html.escape(', '.join(fixed))}.")
    if buttons:
        said.append(f" What trains or changes a network cannot be recorded ({html.escape(', '.join(buttons))}): "
                    "for that, open the explorer in JupyterLab.")
    if explorer.measured:
        said.append(" Times were measured on the computer where it was recorded.")
    return "".join(said)


def _said(control):
    value = getattr(control, "label", None) or control.value
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
