"""The command line. Each command talks to the running Toll, or opens the embedded one itself."""

import os

# Toll's matrices are small, and it reads several batches at once on threads of its own: a pool of
# threads behind each call slows all of them down. To be said before numpy and Polars are imported.
for pool in ("OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ.setdefault(pool, "1")

from api.cli.main import main  # noqa: E402  # after the lines above

__all__ = ["main"]
