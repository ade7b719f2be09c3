-- Per hour of placement: units placed, units late, hours beyond the promise, as far as known at `as_of`.
-- A unit that was cancelled in time is not counted: it never had to arrive.
SELECT
    intDiv(started, 3600000) * 3600 AS hour,
    toFloat64(count()) AS placed,
    toFloat64(countIf(beyond > 0)) AS late,
    sum(greatest(beyond, 0)) / 3600000 AS late_hours
FROM
(
    SELECT
        toUnixTimestamp64Milli(minOrNullIf(at, status = {start_status:String})) AS started,
        toUnixTimestamp64Milli(minOrNullIf(at, status = {finish_status:String})) AS finished,
        toUnixTimestamp64Milli(minOrNullIf(at, has({closed:Array(String)}, status))) AS closed,
        least(ifNull(finished, {as_of:Int64}), ifNull(closed, {as_of:Int64}), {as_of:Int64})
            - started - {promise:Int64} AS beyond,
        isNotNull(closed) AND closed < ifNull(finished, {as_of:Int64} + 1) AS cancelled
    FROM journeys FINAL
    WHERE stream = {stream:String}
        AND at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
        AND (status = {start_status:String} OR status = {finish_status:String} OR has({closed:Array(String)}, status))
    GROUP BY key_hash
)
WHERE started >= {start:Int64} AND started < {end:Int64} AND (NOT cancelled OR beyond > 0)
GROUP BY hour
ORDER BY hour
SETTINGS optimize_aggregation_in_order = 1;
