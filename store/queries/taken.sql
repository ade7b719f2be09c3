-- What was counted of some streams in whole minutes of [start, end): units and exact sums of amounts.
SELECT
    toString(stream) AS name,
    toString(cell.status) AS status,
    toString(cell.currency) AS currency,
    sum(cell.count) AS units,
    sum(cell.amount) AS amount
FROM minutes FINAL
ARRAY JOIN cells AS cell
WHERE has({streams:Array(String)}, stream)
    AND minute >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
    AND minute < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY name, status, currency
ORDER BY name, status, currency;
