"""What was counted beside what was estimated, and in words where the two do not go together.

*Evidence* are the keys that tried, failed and had not succeeded by the end of settling. It bounds
the loss from below, and only so far as failures are logged and are the incident's:

- Each such key is missing from what succeeded. Keys fail for good on any day (a card is declined):
  so many as the same hours of the two weeks before had, the larger of the two, are not counted
  against the estimate. What is then still above the upper end of the range contradicts it: either
  the range is too low, or keys succeeded later or under another key.
- The other way round is no contradiction. Customers who met a blank page, or gave up before they
  tried, leave no failed key; a loss without any evidence is said, not doubted.
- While an incident is live, keys may still succeed: they are compared with what is missing so far.

Where incidents share a shortfall, the evidence is that of all of them, and so is compared with the
whole: the estimate over its share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from impact.model import Range

WEEK = timedelta(weeks=1)
LEAST_SHARE = 0.05  # of the shortfall: a smaller part says little about the whole
SILENT = 0.05  # of the lower end: with less evidence, the loss is a silent one
FEW = 30.0  # lost units of which a failed key or two more or less mean something

# (keys, customers) that failed in [start, end) and had not succeeded by the third moment
FailedKeys = Callable[[datetime, datetime, datetime], tuple[int | None, int | None]]


def compare(
    keys: int | None,
    units: Mapping[str, Range],
    *,
    live: bool,
    share: float,
    usual: Callable[[], int | None],
) -> tuple[str, ...]:
    """What to say where `keys` and the estimate of a flow do not go together.

    usual: how many keys fail for good in such a time without an incident, None where nobody knows;
    asked only where it matters.
    """
    name = "gross" if live else "lost"
    if keys is None or name not in units or share < LEAST_SHARE:
        return ()
    whole = units[name].scaled(1.0 / share)
    most = max(whole.high, 0.0)
    if keys > most:
        return _above(keys, most, live, usual())
    if whole.low >= FEW and keys < SILENT * whole.low:
        seen = "no key" if keys == 0 else f"only {keys:,} keys"
        return (
            f"{seen} failed for good, but at least {whole.low:,.0f} are missing: most customers"
            " did not get as far as trying, or their failures are not logged",
        )
    return ()


def usual_failures(
    failed: FailedKeys, start: datetime, end: datetime, until: datetime
) -> int | None:
    """Keys that failed for good at the same time of the two weeks before: the larger number."""
    weeks = (WEEK, 2 * WEEK)
    found = [failed(start - back, end - back, until - back)[0] for back in weeks]
    return max((keys for keys in found if keys is not None), default=None)


def _above(keys: int, most: float, live: bool, usual: int | None) -> tuple[str, ...]:
    if keys - (usual or 0) <= most:
        return ()
    missing = "is missing so far" if live else "was lost"
    own = f"{keys:,} keys failed and never succeeded"
    if usual is None:
        own += ", how many do so on other days is not known"
    elif usual:
        own += f", {usual:,} of them as on other days"
    why = "the loss is larger than estimated, or they succeeded under another key"
    return (f"{own}; the estimate of what {missing} ends at {most:,.0f}: {why}",)
