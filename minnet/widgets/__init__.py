"""The engine behind the explorers: controls, a quick picture, background jobs, and saved pages.

It knows no experiment: an explorer brings its experiment and its drawings together with this.
"""
