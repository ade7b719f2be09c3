"""The company salt that keys and customers are hashed with: joins work, names are hidden."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

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
        data.mkdir(parents=True, exist_ok=True)
        # Created readable by its owner alone, and never half written.
        fresh = data / f"salt.{os.getpid()}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_hex(32))
            handle.flush()
            os.fsync(handle.fileno())
        fresh.rename(file)
    try:
        salt = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} holds no salt that can be read: {error}") from error
    if len(salt) < _SHORTEST:
        raise SettingsError(f"{file} has been cut short: give back the salt it held")
    return salt.encode()


def fingerprint(salt: bytes) -> str:
    """What of a salt may be kept beside the data, to notice that it has changed."""
    return hashlib.blake2b(salt, digest_size=8, person=b"toll-salt").hexdigest()
