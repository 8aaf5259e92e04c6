"""How explorers look: sizes to be read from the last row, colours for light and dark themes.

The same rules hold in JupyterLab, whose dark theme is told by an attribute of the page, and in a saved page, which
follows the reader's system.
"""

import ipywidgets as widgets

from minnet.draw import hall

LIGHT = "--minnet-warning: #B34700; --minnet-focus: #0072B2;"
DARK = "--minnet-warning: #FFB000; --minnet-focus: #56B4E9;"

STYLE = f"""<style>
.minnet-explorer {{ max-width: 1000px; {LIGHT} }}
[data-jp-theme-light="false"] .minnet-explorer {{ {DARK} }}""" + """
.minnet-lecture { zoom: 1.25; }
.minnet-explorer .widget-image { margin-left: 0; margin-right: 0; }
.minnet-explorer .widget-label, .minnet-explorer .widget-readout, .minnet-explorer .widget-label-basic,
.minnet-explorer .widget-html-content, .minnet-explorer .jupyter-button, .minnet-explorer .widget-dropdown select,
.minnet-explorer input { font-size: 15px; }
.minnet-wide .widget-readout { min-width: 180px; }
.minnet-explorer .widget-label { overflow: visible; text-align: left; padding: 0 8px 0 3px; }
.minnet-explorer .widget-toggle-buttons { display: flex; align-items: center; gap: 6px; }
.minnet-explorer .widget-toggle-buttons .mod-active { background: #0072B2; color: white; }
.minnet-explorer :focus-visible { outline: 3px solid var(--minnet-focus); outline-offset: 1px; }
.minnet-explorer p { font-size: 17px; line-height: 1.45; margin: 0; }
.minnet-explorer .minnet-message p { font-size: 15px; color: var(--minnet-warning); }
</style>"""


def dress(widget, room=None):
    """Make a box of widgets look like an explorer, for the room that it is opened in."""
    widget.add_class("minnet-explorer")
    if (room or hall.room()) is hall.HALL:
        widget.add_class("minnet-lecture")
    widget.children = [widgets.HTML(STYLE, layout={"display": "none"}), *widget.children]
    return widget
