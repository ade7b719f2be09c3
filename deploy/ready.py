"""Health check of the image: exit 0 where Toll says that it is ready, else 1 with the reasons."""

import os
import sys
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

port = os.environ.get("TOLL_LISTEN", "127.0.0.1:8080").rpartition(":")[2]

try:
    urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5).close()
except HTTPError as error:
    sys.exit(error.read().decode())
except (URLError, OSError) as error:
    sys.exit(str(error))
