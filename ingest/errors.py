"""The errors of Toll: one base, five kinds. Foreign exceptions become one of these in adapters.

    TollError
    ├── SettingsError     the operator's settings or map are wrong: say which, and what to write
    ├── InputError        a caller's input is wrong: say what, and what is accepted
    ├── NotFoundError     the thing asked for does not exist
    ├── BusyError         someone else holds what we need (an engine's folder, a lock)
    └── UnavailableError  a log or store does not answer: try again (`retriable`)

A bad event is not an exception but a value: see `ingest.dead_letters`.
"""

from __future__ import annotations


class TollError(Exception):
    """Base of all errors of Toll. The message is one line that says what to do."""

    retriable = False


class SettingsError(TollError):
    """Settings or map files are wrong."""


class InputError(TollError):
    """What a caller sent is wrong."""


class NotFoundError(TollError):
    """The thing that was asked for does not exist."""


class BusyError(TollError):
    """Another process holds what is needed."""


class UnavailableError(TollError):
    """A log or a store does not answer or refuses work for now; the same call may succeed later."""

    retriable = True
