-- The newest version of incidents as known at a moment, those that touch [start, end), newest first.
-- A version of an older generation than the newest of its incident does not count.
SELECT id, generation, toUnixTimestamp64Milli(known_at) AS known_ms, body
FROM
(
    SELECT *
    FROM incidents
    WHERE known_at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
    ORDER BY generation DESC, known_at DESC
    LIMIT 1 BY id
)
WHERE gone = 0
    AND started_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
    AND (ended_at IS NULL OR ended_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
    AND (empty({states:Array(String)}) OR has({states:Array(String)}, state))
ORDER BY started_at DESC, id;
