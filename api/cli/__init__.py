"""The command line. Each command talks to the running Toll, or opens the embedded one itself."""

import os

# Toll's matrices are small and its threads many: a pool of spinning BLAS threads behind each call
# slows all of them down. It must be said before numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from api.cli.main import main  # after the line above

__all__ = ["main"]
