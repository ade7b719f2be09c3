-- Keys whose first `start_status` came before `end` and that were still open at `start`.
-- The smallest Int64 stands for "not (yet)": numpy reads it as NaT.
SELECT started, finished, closed, amount
FROM
(
    SELECT
        key_hash,
        ifNull(toUnixTimestamp64Milli(minOrNullIf(at, status = {start_status:String})), -9223372036854775808) AS started,
        ifNull(toUnixTimestamp64Milli(minOrNullIf(at, status = {finish_status:String})), -9223372036854775808) AS finished,
        ifNull(toUnixTimestamp64Milli(minOrNullIf(at, has({closed:Array(String)}, status))), -9223372036854775808) AS closed,
        ifNull(toFloat64(argMinIf(amount, at, status = {start_status:String} AND isNotNull(amount))), nan) AS amount
    FROM journeys FINAL
    WHERE stream = {stream:String}
        AND (status = {start_status:String} OR status = {finish_status:String} OR has({closed:Array(String)}, status))
    GROUP BY key_hash
)
WHERE started != -9223372036854775808
    AND started < {end:Int64}
    AND (finished = -9223372036854775808 OR finished >= {start:Int64})
    AND (closed = -9223372036854775808 OR closed >= {start:Int64})
ORDER BY started, key_hash
SETTINGS optimize_aggregation_in_order = 1;
