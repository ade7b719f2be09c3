"""The command line. Each command talks to the running Toll, or opens the embedded one itself."""

from api.cli.main import main

__all__ = ["main"]
