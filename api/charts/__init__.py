"""Charts: pure functions from numbers to Vega-Lite specs, and a way to draw them offline."""

from api.charts.draw import to_html, to_png, to_svg
from api.charts.shortfall import shortfall
from api.charts.story import Shortfall
from api.charts.theme import DARK, LIGHT, Theme
from api.charts.usual_week import usual_week

__all__ = [
    "DARK",
    "LIGHT",
    "Shortfall",
    "Theme",
    "shortfall",
    "to_html",
    "to_png",
    "to_svg",
    "usual_week",
]
