-- The newest version of incidents as known at a moment, those that touch [start, end), newest first.
-- A version of an older generation than the newest of its incident does not count. The newest are
-- found by narrow columns first, since bodies are nearly all of the bytes. gone: 1 for those as well
-- that were taken back.
SELECT id, generation, gone, toUnixTimestamp64Milli(known_at) AS known_ms, body
FROM incidents
WHERE (id, known_at, generation) IN
    (
        SELECT id, newest.2, newest.1
        FROM
        (
            SELECT id, max((generation, known_at)) AS newest
            FROM incidents
            WHERE known_at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
            GROUP BY id
        )
    )
    AND incidents.gone <= {gone:UInt8}
    AND started_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
    AND (ended_at IS NULL OR ended_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
    AND (empty({states:Array(String)}) OR has({states:Array(String)}, state))
ORDER BY started_at DESC, id
LIMIT 1 BY id;
