"""`toll notify`: try out who is told, and see what was sent."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from api.cli.options import DataOption, JsonOption, MapOption, settings_from
from api.cli.output import print_document
from api.cli.program import Program
from api.cli.read import print_json
from api.cli.show import console, minute, new_table
from api.client import connect
from ingest.errors import NotFoundError, SettingsError, UnavailableError


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = Program(
        help="Notes to people: try out who is told, and see what was sent.", no_args_is_help=True
    )
    group.command("test")(test)
    group.command("list")(list_notes)
    app.add_typer(group, name="notify")


def test(
    name: Annotated[str, typer.Argument(help="A subscriber of the file TOLL_SUBSCRIPTIONS.")],
    as_json: JsonOption = False,
    map_path: MapOption = None,
) -> None:
    """Send a test note to one subscriber, at once and from here; nothing is stored."""
    from api.notify.dispatcher import senders_of
    from api.notify.subscriptions_file import read_subscriptions
    from api.notify.trial import try_out
    from api.setup.mapfiles import read_map
    from enrich.suggest import did_you_mean

    settings = settings_from(map_path)
    if settings.subscriptions is None:
        raise SettingsError("nobody is told of anything: name a file in TOLL_SUBSCRIPTIONS")
    business_map = read_map(settings.map).map
    found = read_subscriptions(settings.subscriptions, business_map)
    chosen = [s for s in found.subscribers if s.name == name or s.name.startswith(f"{name}/")]
    if not chosen:
        known = [s.name for s in found.subscribers]
        raise NotFoundError(f"no subscriber '{name}'{did_you_mean(name, known)}")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # its lines would carry addresses
    tried: list[dict[str, str | None]] = []
    for one in chosen:
        error = try_out(
            one,
            senders_of(found)[one.channel],
            business_map.company,
            settings.address,
            found.secrets(),
        )
        tried.append({"subscriber": one.name, "channel": one.channel, "error": error or None})
        if not as_json:
            came = f"not sent: {error}" if error else f"sent by {one.channel}"
            print_document(f"{one.name}: {came}\n")
    if as_json:
        print_json(tried)
    if failed := [str(one["subscriber"]) for one in tried if one["error"]]:
        raise UnavailableError(f"no test note reached {', '.join(failed)}")


def list_notes(
    state: Annotated[
        str | None, typer.Option(help="Only these: pending, sending, sent, given_up.")
    ] = None,
    incident: Annotated[str | None, typer.Option(help="Only those on this incident.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 30,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """What was sent to whom, what waits, and what was given up and why; newest first."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/notes", state=state, incident=incident, limit=limit)
    print_json(found) if as_json else _show(found)


def _show(found: list[Mapping[str, Any]]) -> None:
    out = console()
    if not found:
        out.print("No notes.")
        return
    shown = new_table("Queued, UTC", "State", "To", "Subject")
    for note in found:
        queued = minute(note["queued_at"])
        why = f"\n{note['error']}" if note["error"] else ""
        shown.add_row(
            queued, note["state"].replace("_", " "), note["subscriber"], f"{note['subject']}{why}"
        )
    out.print(shown)
