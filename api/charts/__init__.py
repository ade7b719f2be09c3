"""Charts: pure functions from numbers to Vega-Lite specs, and a way to draw them offline.

`story`, `bins`, `clock` and `around` say what is shown, in words and bins, and need no library of
charts; `shortfall` and `usual_week` make specs, `draw` makes files of them.
"""
