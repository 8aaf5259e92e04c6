"""An explorer as one HTML file in which its sliders still work, with no kernel and no network.

Every place on a grid of the controls is shown once, and what it shows is kept: pictures in tiles, so that what stays
the same is stored once, and words.  The page (`page.html`) puts them together again under the reader's hand.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from itertools import product
from pathlib import Path

from PIL import Image

from minnet import files
from minnet.explore.dial import dials_of
from minnet.explore.style import DARK, STYLE

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
    tape = Tape(explorer, dials)
    page = _page(explorer, tape, dials, title)
    while len(page) > LIMIT:
        widest = max((dial for dial in dials if dial.slides), key=lambda dial: len(dial.values), default=None)
        if widest is None or len(widest.values) <= 3:
            raise ValueError(f"the page would have {len(page):,} bytes, more than {LIMIT:,}; let this explorer's "
                             "`recorded` name fewer controls")
        dials = [dial.coarser() if dial is widest else dial for dial in dials]
        page = _page(explorer, tape, dials, title)
    files.put(path, page)


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


class Tape:
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
        errors = len(explorer.errors)
        with explorer.undisturbed() as pose:
            for values in product(*(dial.values for dial in dials)):
                pose(**{dial.name: value for dial, value in zip(dials, values, strict=True)})
                self.frames[values] = self._pieces(explorer.png()), [self._text(each.value) for each in explorer.told()]
        assert len(explorer.errors) == errors

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
        "lecture": " minnet-lecture" if explorer.in_hall else "",
        "controls": "\n".join(dial.html(number) for number, dial in enumerate(dials)),
        "width": str(tape.size[0]), "height": str(tape.size[1]), "first": f"data:image/webp;base64,{first}",
        "said": "".join(f'<div class="{" ".join(each._dom_classes)}">{tape.texts[text]}</div>'
                        for each, text in zip(explorer.told(), tape.frames[start][1], strict=True)),
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
