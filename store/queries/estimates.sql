-- The newest estimate of each measure of some incidents (none: all) as known at a moment.
SELECT
    incident, toString(process) AS process, toString(measure) AS measure, generation, body,
    if({draws:UInt8} = 1, draws, map()) AS draws
FROM estimates
WHERE as_of <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
    AND (empty({incidents:Array(String)}) OR has({incidents:Array(String)}, incident))
ORDER BY generation DESC, estimates.as_of DESC
LIMIT 1 BY incident, process, measure;
