-- Per hour of placement and bin of age: units, and of them those that count: placed, late, hours beyond the
-- promise, as far as known at `as_of`. The age is what a unit took until it was finished or cancelled, in parts
-- of the promise; the last bin is open and holds those that still wait. A unit that was cancelled in time does
-- not count as placed: it never had to arrive. Promise and delay are read
-- from the promise's clock, which runs (rate 1) or stands (rate 0) from each of its knots on; the first
-- knot is 1970, so that each moment has one.
WITH
    {knots:Array(Int64)} AS knots,
    {readings:Array(Int64)} AS readings,
    {rates:Array(Int64)} AS rates,
    clock AS
    (
        SELECT 1 AS one, knot.1 AS at, knot.2 AS reading, knot.3 AS rate
        FROM (SELECT arrayJoin(arrayZip(knots, readings, rates)) AS knot)
    )
SELECT
    intDiv(started, 3600000) * 3600 AS hour,
    if(still, {bins:Int64} - 1, least(intDiv(greatest(beyond + {promise:Int64}, 0) * {per_promise:Int64}, {promise:Int64}), {bins:Int64} - 1)) AS bin,
    toFloat64(count()) AS units,
    toFloat64(countIf(NOT cancelled OR beyond > 0)) AS placed,
    toFloat64(countIf(beyond > 0)) AS late,
    sum(greatest(beyond, 0)) / 3600000 AS late_hours
FROM
(
    SELECT
        began.started AS started,
        began.cancelled AS cancelled,
        began.still AS still,
        stops.reading + stops.rate * (began.stopped - stops.at)
            - starts.reading - starts.rate * (began.started - starts.at) - {promise:Int64} AS beyond
    FROM
    (
        SELECT
            1 AS one,
            assumeNotNull(toUnixTimestamp64Milli(minOrNullIf(at, status = {start_status:String}))) AS started,
            toUnixTimestamp64Milli(minOrNullIf(at, status = {finish_status:String})) AS finished,
            toUnixTimestamp64Milli(minOrNullIf(at, has({closed:Array(String)}, status))) AS closed,
            least(ifNull(finished, {as_of:Int64}), ifNull(closed, {as_of:Int64}), {as_of:Int64}) AS stopped,
            isNotNull(closed) AND closed < ifNull(finished, {as_of:Int64} + 1) AS cancelled,
            isNull(finished) AND isNull(closed) AS still
        FROM journeys FINAL
        WHERE stream = {stream:String}
            AND at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
            AND (status = {start_status:String} OR status = {finish_status:String} OR has({closed:Array(String)}, status))
        GROUP BY key_hash
        HAVING countIf(status = {start_status:String}) > 0 AND started >= {start:Int64} AND started < {end:Int64}
        SETTINGS optimize_aggregation_in_order = 1
    ) AS began
    ASOF JOIN clock AS starts ON began.one = starts.one AND began.started >= starts.at
    ASOF JOIN clock AS stops ON began.one = stops.one AND began.stopped >= stops.at
)
GROUP BY hour, bin
ORDER BY hour, bin;
