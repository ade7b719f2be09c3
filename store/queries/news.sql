-- When each kind of record was last written: it changes whenever there is something new to show.
SELECT
    (SELECT toUnixTimestamp64Milli(max(known_at)) FROM incidents) AS incidents_ms,
    (SELECT toUnixTimestamp64Milli(max(as_of)) FROM estimates) AS estimates_ms,
    (SELECT toUnixTimestamp64Milli(max(made_at)) FROM edits) AS edits_ms,
    (SELECT toUnixTimestamp64Milli(max(known_at)) FROM maps) AS maps_ms;
