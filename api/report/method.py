"""How Toll counts, in plain words: printed in every report."""

from __future__ import annotations

METHOD: tuple[str, ...] = (
    "For everything the company counts (orders, payments, calls) Toll learns from its own history "
    "what is usual at each hour of the week. What an outage cost is what would have come without "
    "it, minus what came, minus what came back afterwards. Calls and other burdens are counted the "
    "other way round: what came on top of the usual.",
    "Systems and outside companies only tell since when something was wrong and whom it reaches. "
    "The amounts come from the company's own volumes and never from guesses about severity.",
    "Nobody can know exactly what would have happened. So each number has a range, in brackets, "
    "that holds the truth nine times out of ten. Where it includes zero, there may have been no "
    "loss at all. Ranges of sums are narrower than sums of ranges, since errors partly cancel out.",
    "An incident counts in the week in which it began. Where several overlap, what is missing is "
    "shared between them by what each would have done alone, so that nothing counts twice. Where "
    "two counts are about the same customers' money, only one of them is added.",
    "Planned maintenance is priced and shown, and is in no other sum. Foreign money is converted "
    "with the rate of its day; without a rate it is shown apart.",
    "What an incident costs is a sum of parts: what was lost, delays, extra calls, the time of the "
    "people who worked on it where that is known, and service credits, as far as the company's map "
    "names them. Credits of a month are shared by its incidents in proportion to their minutes; "
    "those that outside companies owe take from the cost.",
    "What is lost counts with the value of a usual order, or its margin where the company says so. "
    "Reputation, and customers who never come back, are not counted.",
    "Numbers of an incident settle within days. This report is never changed: what is learned "
    "later stands under changes since the last report in the next one.",
)
