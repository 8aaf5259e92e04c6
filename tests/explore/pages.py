"""A saved page, read without a browser."""

import base64
import io
import json
import re
from itertools import product

import numpy as np
from PIL import Image


class Page:
    """What `Explorer.save_html` has written.

    Attributes
    ----------
    bytes : int
    text : str
    addresses : list of str
        Of whatever the page would fetch.
    places : list of tuple of int
        Where its controls can stand.
    """

    def __init__(self, path):
        self.bytes, self.text = path.stat().st_size, path.read_text("utf-8")
        self.addresses = re.findall(r"""(?:src|href)="(?!data:)[^"]*"|url\((?!data:)[^)]*\)|@import""", self.text)
        held = re.search(r'<script type="application/json" id="recording">(.*?)</script>', self.text, re.S)[1]
        self._held = json.loads(held)
        self.places = list(product(*map(range, self._held["counts"])))
        self._frames = dict(zip(self.places, self._held["frames"], strict=True))

    def words(self, place):
        return [self._held["texts"][number] for number in self._frames[place][1]]

    def away_from(self, place, png):
        """How far a picture is from another one, on the mean, in levels of 255."""
        other = Image.open(io.BytesIO(png)).convert("RGB")
        picture, (width, height) = Image.new("RGB", other.size), self._held["tile"]
        corners = product(range(0, other.height, height), range(0, other.width, width))
        for (y, x), number in zip(corners, self._frames[place][0], strict=True):
            picture.paste(Image.open(io.BytesIO(base64.b64decode(self._held["tiles"][number]))), (x, y))
        return np.abs(np.asarray(picture).astype(int) - np.asarray(other)).mean()
