"""The shared real data: beside the repository where it is worked on, absent elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder `shared` beside the repository; without it the test skips.

    With TOLL_REQUIRE_SHARED=1 that skip is a failure, so that nothing can pass by being absent.
    """
    if FOLDER.is_dir():
        return FOLDER
    if os.environ.get("TOLL_REQUIRE_SHARED") == "1":
        pytest.fail(f"TOLL_REQUIRE_SHARED is set, yet there is no {FOLDER}")
    pytest.skip("the shared real data is not here")
