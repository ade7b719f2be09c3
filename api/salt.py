"""The company salt that keys and customers are hashed with: joins work, names are hidden."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from ingest.errors import SettingsError


def company_salt(setting: str, data: Path) -> bytes:
    """The salt of the settings, else of the data folder, where one is made at the first start."""
    if setting:
        if len(setting) < 16:
            raise SettingsError("TOLL_SALT: write at least 16 characters, best random ones")
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
    return file.read_text("ascii").strip().encode()


def fingerprint(salt: bytes) -> str:
    """What of a salt may be kept beside the data, to notice that it has changed."""
    return hashlib.blake2b(salt, digest_size=8, person=b"toll-salt").hexdigest()
