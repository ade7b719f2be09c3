"""The company salt that keys and customers are hashed with: joins work, names are hidden."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from pathlib import Path

from ingest.durable import keep_names
from ingest.errors import SettingsError

_SHORTEST = 16  # characters


def company_salt(setting: str, data: Path) -> bytes:
    """The salt of the settings, else of the data folder, where one is made at the first start."""
    if setting:
        if len(setting) < _SHORTEST:
            raise SettingsError(
                f"TOLL_SALT: write at least {_SHORTEST} characters, best random ones"
            )
        return setting.encode()
    file = data / "salt"
    if not file.exists():
        try:
            _make(file)
        except OSError as error:
            raise SettingsError(
                f"TOLL_DATA: {data} cannot be written ({error.strerror}): let it be written, or "
                "name another folder; where servers keep all else, TOLL_SALT will do"
            ) from error
    try:
        salt = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} holds no salt that can be read: {error}") from error
    if len(salt) < _SHORTEST:
        raise SettingsError(f"{file} has been cut short: give back the salt it held")
    return salt.encode()


def _make(file: Path) -> None:
    """A fresh salt, readable by its owner alone, whole and on disk before anything is hashed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name("salt.new")  # perhaps left by a start that was cut off
    with os.fdopen(os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600), "r+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if file.exists():  # made by another process, while this one waited
            fresh.unlink(missing_ok=True)
            return
        handle.truncate()
        handle.write(secrets.token_hex(32))
        handle.flush()
        os.fsync(handle.fileno())
        fresh.rename(file)
    keep_names(file.parent)


def fingerprint(salt: bytes) -> str:
    """What of a salt may be kept beside the data, to notice that it has changed."""
    return hashlib.blake2b(salt, digest_size=8, person=b"toll-salt").hexdigest()
