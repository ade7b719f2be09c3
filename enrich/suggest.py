"""What somebody probably meant who wrote a name that does not exist."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from functools import cached_property

ENOUGH = 2_000  # names that are compared one by one; among more, one slip of the pen is looked for


class Names:
    """Names that exist, and the one most like a name that does not."""

    def __init__(self, known: Iterable[str]) -> None:
        self._names = known

    @cached_property
    def _known(self) -> dict[str, str]:
        return {name.casefold(): name for name in self._names}

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._known), default=0)

    @cached_property
    def _alphabet(self) -> str:
        return "".join(sorted(set().union(*self._known)))

    def closest(self, word: str) -> str:
        """The known name most like `word`, or ""."""
        word = word.casefold()
        slips = _slips(word, self._alphabet) if len(word) <= self._longest + 1 else ()
        found = next((w for w in slips if w in self._known), "")
        if not found and len(self._known) <= ENOUGH:
            found = next(iter(get_close_matches(word, self._known, n=1)), "")
        return self._known.get(found, "")

    def hint(self, word: str) -> str:
        """The ending of a message: `; did you mean 'payment'?`, or "" when nothing is like it."""
        name = self.closest(word)
        return f"; did you mean '{name}'?" if name else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The same ending for one word."""
    return Names(known).hint(word)


def one_of(word: str, known: Collection[str]) -> str:
    """The same of a few names, or where none is like it: `; it is one of service, provider`."""
    return did_you_mean(word, known) or f"; it is one of {', '.join(known)}"


def _slips(word: str, alphabet: str) -> Iterable[str]:
    """The word itself and every word one slip away: a letter too many, missing, wrong, swapped."""
    yield word
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    for head, tail in splits:
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in alphabet)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        yield from (head + letter + tail for letter in alphabet)
