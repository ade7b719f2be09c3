-- Units, money and sampled values per minute and currency, of some statuses of a stream.
SELECT
    toInt64(toUnixTimestamp(minute)) AS time,
    toString(cell.currency) AS currency,
    toFloat64(sum(cell.count)) AS count,
    toFloat64(sum(cell.amount)) AS amount,
    sum(cell.value_sum) AS value_sum,
    toFloat64(sum(cell.value_count)) AS value_count
FROM minutes FINAL
ARRAY JOIN cells AS cell
WHERE stream = {stream:String}
    AND minute >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
    AND minute < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
    AND has({statuses:Array(String)}, cell.status)
GROUP BY minute, currency
ORDER BY time, currency;
