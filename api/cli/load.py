"""Commands that bring data in: import."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from api.cli.options import DataOption, JsonOption, MapOption, settings_from
from api.cli.read import print_json
from api.client import Client, connect
from api.setup.settings import Settings
from ingest.errors import InputError

if TYPE_CHECKING:  # imported by the import itself: `toll --help` does without
    from api.imports import Kind
    from api.run.runtime import Runtime

_LOADING = {"history": "true", "keep_bad": "true"}
_NDJSON = {"Content-Type": "application/x-ndjson"}
_JSON = {"Content-Type": "application/json"}


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("import")(import_file)


def import_file(
    file: Annotated[Path, typer.Argument(help="NDJSON, CSV, Parquet or Statuspage JSON; .gz too.")],
    stream: Annotated[
        str | None, typer.Option("--stream", help="Stream of events that name none.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="Event field from another column: id=txId. Repeatable."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="From the start, though it was begun before.")
    ] = False,
    map_path: MapOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import business events, or a provider's incidents. Repeating an import changes nothing."""
    from api.imports import kind_of, read_all

    if not file.is_file():
        raise InputError(f"{file}: no such file")
    settings = settings_from(map_path, data)
    renames = dict(_rename(text) for text in field or [])
    kind = kind_of(file)
    with connect(settings, background=True) as client:
        begun = time.monotonic()
        if kind == "statuspage":
            taken = client.post("/v1/signals/statuspage", read_all(file), _JSON)
            result = {"file": str(file), "signals": taken["accepted"]}
        else:
            result = _import_events(client, settings, file, kind, stream, renames, again)
        if client.state is not None and client.state.runtime is not None:
            wait_until_counted(client.state.runtime)
        result["seconds"] = round(time.monotonic() - begun, 1)
    if as_json:
        print_json(result)
    elif "signals" in result:
        print(f"{result['signals']:,} signals imported from {file}")
    else:
        print(
            f"{result['accepted']:,} events imported from {file} in {result['seconds']} s, "
            f"{result['dead_letters']} dead letters"
            + (" (`toll dead-letters` lists them)" if result["dead_letters"] else "")
        )


def _rename(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise InputError(f"--field {text}: write FIELD=COLUMN, such as id=txId")
    return name, column


def _import_events(
    client: Client,
    settings: Settings,
    file: Path,
    kind: Kind,
    stream: str | None,
    renames: dict[str, str],
    again: bool,
) -> dict[str, object]:
    from api.imports import chunks

    marks = _Bookmark(settings.data / "imports", file, (stream or "", *sorted(renames.items())))
    accepted, dead, skip = (0, 0, 0) if again else marks.read()
    with progress_bar(file.name) as advance:
        for chunk in chunks(file, kind, renames, skip):
            taken = client.post("/v1/business", chunk.body, _NDJSON, stream=stream, **_LOADING)
            accepted += taken["accepted"]
            dead += taken["dead_letters"]
            marks.write(accepted, dead, chunk.lines_done)
            advance(chunk.share_done)
    marks.clear()
    return {"file": str(file), "accepted": accepted, "dead_letters": dead}


class _Bookmark:
    """How far an import of a file came, kept in the data folder."""

    def __init__(self, folder: Path, file: Path, options: tuple[object, ...]) -> None:
        stat = file.stat()
        identity = f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns} {options}"
        digest = hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()
        self._path = folder / f"{digest}.json"

    def read(self) -> tuple[int, int, int]:
        """(accepted, dead letters, lines done) so far."""
        if not self._path.exists():
            return 0, 0, 0
        kept = json.loads(self._path.read_text("utf-8"))
        return kept["accepted"], kept["dead_letters"], kept["lines_done"]

    def clear(self) -> None:
        """Forget the place: the import is complete."""
        self._path.unlink(missing_ok=True)

    def write(self, accepted: int, dead: int, lines_done: int) -> None:
        """Keep the place; the file is whole at any moment."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        kept = {"accepted": accepted, "dead_letters": dead, "lines_done": lines_done}
        fresh.write_text(json.dumps(kept), "utf-8")
        fresh.replace(self._path)


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[float], None]]:
    """A bar on standard error; gives a function that takes the share done, 0 to 1."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda share: progress.update(task, completed=share)
        progress.update(task, completed=1.0)


def wait_until_counted(runtime: Runtime) -> None:
    """Wait until everything sent is stored, counted, and priced."""
    sent, moment = time.monotonic(), datetime.now(UTC)
    with Console(stderr=True).status("counting and pricing ..."):
        while not (runtime.ingest and (runtime.ingest.idle_since() or 0.0) > sent):
            _raise_trouble(runtime)
            time.sleep(0.1)
        moment = datetime.now(UTC)
        while runtime.assessor and not runtime.assessor.settled_after(moment):
            _raise_trouble(runtime)
            time.sleep(0.2)


def _raise_trouble(runtime: Runtime) -> None:
    troubles = runtime.troubles()
    if troubles:
        raise InputError("; ".join(troubles))
