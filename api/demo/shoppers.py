"""What a shopper does at the till: tries, fails, tries again, comes back hours later, or gives up.

One set of random numbers per cart, drawn before anything happens, decides what the shopper would
do in whatever world: with an incident or without it (common random numbers). Who fails retries at
once within a minute or so; who gives up the session may come back after a log-normal wait, half an
hour at the median with a long tail, possibly into the outage again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from api.demo.moments import HOUR_MS, Bools, Floats, Ints

ROUNDS = 7  # attempts at most
CART_LIFE_MS = 48 * HOUR_MS  # a cart expires
BASE_FAILURE = 0.012
DECLINED = 0.035
RETRY_AT_ONCE = np.array([0.72, 0.5, 0.3, 0.25, 0.2, 0.15, 0.0])
COME_BACK = np.array([0.58, 0.5, 0.42, 0.35, 0.3, 0.25, 0.0])
OK, FAILED, DECLINED_BY_BANK = 0, 1, 2


@dataclass(frozen=True)
class TillDraws:
    """The random numbers of N carts at the till; each array has shape (ROUNDS, N)."""

    fail: Floats
    decline: Floats
    decide: Floats
    wait: Floats  # standard normal
    come_back: Floats  # (ROUNDS,) chance of coming back hours later

    @classmethod
    def draw(cls, rng: np.random.Generator, carts: int, impatience: float = 1.0) -> TillDraws:
        """Draw for a number of carts; who is less patient (above 1) comes back less often."""
        shape = (ROUNDS, carts)
        return cls(
            rng.random(shape),
            rng.random(shape),
            rng.random(shape),
            rng.standard_normal(shape),
            COME_BACK**impatience,
        )


@dataclass(frozen=True)
class Attempts:
    """Attempts in no order of time: which cart, the how-manieth of it (from 1), when, outcome."""

    cart: Ints
    number: Ints
    at_ms: Ints
    outcome: Ints


def attempts(first_ms: Ints, draws: TillDraws, failing: Callable[[Ints], Floats]) -> Attempts:
    """Every attempt of carts that reach the till at `first_ms`, shape (N,).

    `failing` gives the chance of failure that incidents add at each moment.
    """
    cart = np.arange(len(first_ms), dtype=np.int64)
    at = first_ms
    parts: list[tuple[Ints, Ints, Ints, Ints]] = []
    for turn in range(ROUNDS):
        fails = draws.fail[turn, cart] < 1.0 - (1.0 - BASE_FAILURE) * (1.0 - failing(at))
        outcome = np.where(
            fails, FAILED, np.where(draws.decline[turn, cart] < DECLINED, DECLINED_BY_BANK, OK)
        )
        parts.append((cart, np.full(len(cart), turn + 1), at, outcome))
        again, wait_ms = _next(turn, cart, outcome, draws)
        keeps = again & (at + wait_ms < first_ms[cart] + CART_LIFE_MS)
        cart, at = cart[keeps], (at + wait_ms)[keeps]
        if not len(cart):
            break
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Attempts(columns[0], columns[1], columns[2], columns[3])


def _next(turn: int, cart: Ints, outcome: Ints, draws: TillDraws) -> tuple[Bools, Ints]:
    """(who tries again, after how many milliseconds) following the attempt number `turn`."""
    decide, z = draws.decide[turn, cart], draws.wait[turn, cart]
    # A declined card is a matter of the customer's: half as many try another one.
    eager = RETRY_AT_ONCE[turn] * np.where(outcome == DECLINED_BY_BANK, 0.5, 1.0)
    at_once = decide < eager
    later = ~at_once & (decide < eager + (1.0 - eager) * draws.come_back[turn])
    wait_s = np.where(at_once, np.exp(np.log(45.0) + 0.7 * z), np.exp(np.log(1800.0) + 1.25 * z))
    wait_ms = (np.minimum(wait_s, CART_LIFE_MS / 1000.0) * 1000.0).astype(np.int64) + 1
    return (outcome != OK) & (at_once | later), wait_ms
