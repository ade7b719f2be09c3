-- Gives combinations of listed segments that are new in these minutes a place, as long as there is room.
INSERT INTO segment_combinations (stream, combination)
WITH
    known AS (SELECT combination FROM segment_combinations WHERE stream = {stream:String}),
    wanted AS
    (
        SELECT toDateTime(arrayJoin(arrayFlatten(arrayMap(
            run -> range(run.1, run.2), {runs:Array(Tuple(UInt32, UInt32))}))) * 60, 'UTC')
    )
SELECT
    {stream:String},
    toJSONString(mapSort(mapFilter((name, value) -> has({segments:Array(String)}, name), segment))) AS combination
FROM business_events
WHERE stream = {stream:String}
    AND minute IN wanted
    AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
    AND at < fromUnixTimestamp64Milli({stop:Int64}, 'UTC')
    AND combination NOT IN known
GROUP BY combination
ORDER BY min(at), combination
LIMIT {room:UInt32};
