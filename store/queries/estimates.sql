-- The newest estimate of each measure of some incidents (none: all) as known at a moment. The newest
-- are found by narrow columns first, since bodies and draws are nearly all of the bytes.
SELECT
    incident, toString(process) AS process, toString(measure) AS measure, generation, body,
    if({draws:UInt8} = 0, map(), mapFilter((name, _) -> {draws:UInt8} = 1 OR startsWith(name, 'money:'), draws)) AS draws
FROM estimates
WHERE (incident, process, measure, as_of, generation) IN
(
    SELECT incident, process, measure, newest.2, newest.1
    FROM
    (
        SELECT incident, process, measure, max((generation, as_of)) AS newest
        FROM estimates
        WHERE as_of <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
            AND (empty({incidents:Array(String)}) OR has({incidents:Array(String)}, incident))
        GROUP BY incident, process, measure
    )
)
ORDER BY incident, process, measure
LIMIT 1 BY incident, process, measure;
