"""The simulated shop of the API's tests, for what is deployed around it."""

from __future__ import annotations

from tests.api.conftest import shop, toll

__all__ = ["shop", "toll"]
