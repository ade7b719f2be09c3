-- The exact sums of amounts of some statuses of a stream, by currency.
SELECT toString(cell.currency) AS currency, sum(cell.amount) AS amount
FROM minutes FINAL
ARRAY JOIN cells AS cell
WHERE stream = {stream:String}
    AND minute >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
    AND minute < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
    AND has({statuses:Array(String)}, cell.status)
    AND cell.currency != ''
GROUP BY currency
ORDER BY currency;
