-- The newest version of one incident as known at a moment.
SELECT id, generation, gone, toUnixTimestamp64Milli(known_at) AS known_ms, body
FROM incidents
WHERE id = {id:String}
    AND known_at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
ORDER BY generation DESC, known_at DESC
LIMIT 1;
