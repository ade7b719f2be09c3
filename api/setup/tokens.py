"""Who may do what: a file of hashed tokens with roles.

One token a line: `name role sha256-of-the-token`. `toll token NAME ROLE` makes a line. Tokens are
32 random bytes, so a plain hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ingest.errors import SettingsError

Role = Literal["read", "write", "admin"]
_ROLES = " or ".join(get_args(Role))
# What each role may do besides itself. A webhook's write token cannot read the numbers.
_ALLOWS: dict[str, frozenset[str]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"write"}),
    "admin": frozenset({"read", "write", "admin"}),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is known."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether the caller may do what needs this role."""
        return role in _ALLOWS[self.role]


LOCAL = Caller("local", "admin")  # without a tokens file only this machine can call at all


class Tokens:
    """The known tokens, by hash."""

    def __init__(self, callers: dict[str, Caller]) -> None:
        self._callers = callers

    def caller(self, token: str) -> Caller | None:
        """Whose token this is, or None."""
        digest = hash_token(token)
        found = None
        for known, caller in self._callers.items():  # no early end: time says nothing
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def hash_token(token: str) -> str:
    """What of a token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(name: str, role: Role) -> tuple[str, str]:
    """A fresh token, and its line for the file."""
    token = f"toll_{secrets.token_urlsafe(32)}"
    return token, f"{name} {role} {hash_token(token)}"


def keep_token(folder: Path, name: str, role: Role) -> bool:
    """Keep a fresh token in `folder/name` and its line in `folder/tokens`; False if it is there.

    For machines that set themselves up: repeating it changes nothing. Both files are for the owner
    and the group, so that another container's user may be let in by group.
    """
    if name in {"tokens", ".", ".."} or "/" in name:
        raise SettingsError(f"'{name}' cannot be the name of a token's file")
    place = folder / name
    if place.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    token, line = new_token(name, role)
    with (folder / "tokens").open("a", encoding="utf-8") as lines:
        lines.write(f"{line}\n")
    (folder / "tokens").chmod(0o640)
    fresh = folder / f"{name}.new"  # the line first: a token that lies there is known
    fresh.touch(mode=0o640)
    fresh.write_text(token, "utf-8")
    fresh.chmod(0o640)
    fresh.rename(place)
    return True


def read_tokens(file: Path) -> Tokens:
    """The tokens of a file; raises `SettingsError` naming each wrong line."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"TOLL_TOKENS: {file} cannot be read: {error}") from error
    callers: dict[str, Caller] = {}
    wrong: list[str] = []
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts or line.lstrip().startswith("#"):
            continue
        role: Role | None = None
        if len(parts) == 3 and re.fullmatch(r"[0-9a-f]{64}", parts[2]):
            role = next((r for r in get_args(Role) if r == parts[1]), None)
        if role is None:
            wrong.append(f"{file}:{number}: write `name role hash`, the role {_ROLES}")
        else:
            callers[parts[2]] = Caller(parts[0], role)
    if wrong:
        raise SettingsError("; ".join(wrong))
    return Tokens(callers)
