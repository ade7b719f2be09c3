-- The map that was valid at a moment, by what is known now.
SELECT
    version,
    toUnixTimestamp64Milli(valid_from) AS valid_ms,
    toUnixTimestamp64Milli(known_at) AS known_ms,
    content
FROM maps FINAL
WHERE valid_from <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')
ORDER BY valid_from DESC, known_at DESC
LIMIT 1;
