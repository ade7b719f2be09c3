-- A version of the map by its name.
SELECT
    version,
    toUnixTimestamp64Milli(valid_from) AS valid_ms,
    toUnixTimestamp64Milli(known_at) AS known_ms,
    content
FROM maps FINAL
WHERE version = {version:String}
ORDER BY valid_from
LIMIT 1;
