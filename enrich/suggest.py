"""What somebody probably meant who wrote a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def closest(word: str, known: Iterable[str]) -> str:
    """The known name most like `word`, or "".

    Names of a very different length are left out first: comparing with 100,000 names is slow.
    """
    slack = max(2, len(word) // 2)
    lower = {k.casefold(): k for k in known if abs(len(k) - len(word)) <= slack}
    found = get_close_matches(word.casefold(), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The ending of a message: `; did you mean 'payment'?`, or "" when nothing is like it."""
    name = closest(word, known)
    return f"; did you mean '{name}'?" if name else ""
