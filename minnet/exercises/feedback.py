"""Feedback to the learner: a mark, a heading and a text, as HTML in a notebook and as plain text elsewhere.

The kinds of notes differ in mark, heading and line style, not only in colour.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

# mark, heading, border; the text keeps the page's own colour, so that dark themes work too
KINDS = {
    "right": ("✓", "Right.", "4px solid #0072b2"),
    "off": ("✗", "Not yet.", "4px dashed #d55e00"),
    "unfilled": ("…", "Not filled in yet.", "4px dotted #808080"),
    "hint": ("?", "", "4px double #808080"),
    "solution": ("=", "", "4px double #808080"),
}


@dataclass(frozen=True)
class Note:
    """A message to the learner, displayed when it is the last value of a cell.

    Attributes
    ----------
    kind : str
        "right", "off", "unfilled", "hint" or "solution".
    text : str
        Plain text; `backticks` mark code.
    heading : str
        Instead of the usual heading of this kind.
    code : str
        Lines of Python below the text.
    """

    kind: str
    text: str = ""
    heading: str = ""
    code: str = ""

    @property
    def right(self) -> bool:
        return self.kind == "right"

    def __repr__(self):
        mark, heading, _ = KINDS[self.kind]
        line = " ".join(part for part in (mark, self.heading or heading, self.text) if part)
        return line + (f"\n\n{self.code}" if self.code else "")

    def _repr_html_(self):
        mark, heading, border = KINDS[self.kind]
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.text))
        code = f"<pre>{html.escape(self.code)}</pre>" if self.code else ""
        return (f'<div role="status" style="border-left: {border}; padding: 0.3em 0.8em; margin: 0.3em 0">'
                f"<b>{mark} {html.escape(self.heading or heading)}</b> {text}{code}</div>")
