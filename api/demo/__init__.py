"""A simulated shop with incidents whose true cost is known: for `toll demo`, tests, calibration.

Everything here is made up by a seeded generator and labelled so. The package is pure: it reads no
clock, opens no file and starts no thread; time comes in as arguments. It imports nothing of the
estimator, and its shapes are on purpose not those the estimator assumes (see `demand`).
"""

from api.demo.calibration import Run, seeded_runs
from api.demo.incidents import Incident, Kind
from api.demo.live import Line
from api.demo.shop import Shop
from api.demo.truth import IncidentTruth, Truth
from api.demo.waits import WaitRun, seeded_waits

__all__ = [
    "Incident",
    "IncidentTruth",
    "Kind",
    "Line",
    "Run",
    "Shop",
    "Truth",
    "WaitRun",
    "seeded_runs",
    "seeded_waits",
]
