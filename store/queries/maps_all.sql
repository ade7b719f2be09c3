-- Every version of the map, oldest first.
SELECT
    version,
    toUnixTimestamp64Milli(valid_from) AS valid_ms,
    toUnixTimestamp64Milli(known_at) AS known_ms,
    content
FROM maps FINAL
ORDER BY valid_from, known_at;
