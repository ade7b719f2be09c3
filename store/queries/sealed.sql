-- Which of these minutes hold an event that is about to expire.
WITH
    wanted AS
    (
        SELECT toDateTime(arrayJoin(arrayFlatten(arrayMap(
            run -> range(run.1, run.2), {runs:Array(Tuple(UInt32, UInt32))}))) * 60, 'UTC')
    )
SELECT toUInt32(toUnixTimestamp(minute) / 60) AS number
FROM minutes FINAL
WHERE stream = {stream:String}
    AND minute IN wanted
    AND oldest <= fromUnixTimestamp64Milli({limit:Int64}, 'UTC')
ORDER BY number;
