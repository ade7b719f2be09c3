-- Keys (and the customers behind them) that failed in [start, end) and did not succeed before `until`;
-- with what is needed to tell whether that can be known: rows with keys, rows with customers, and
-- whether raw events have expired since their minutes were counted. Whole minutes are compared.
WITH
    toStartOfMinute(fromUnixTimestamp64Milli({start:Int64}, 'UTC')) AS first_minute,
    (
        SELECT sum(arraySum(arrayFilter(
            (n, s) -> has({ok:Array(String)}, s) OR has({failed:Array(String)}, s), `cells.events`, `cells.status`)))
        FROM minutes FINAL
        WHERE stream = {stream:String}
            AND minute >= first_minute
            AND minute < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
    ) AS counted
SELECT
    countIf(key != '' AND failures > 0 AND successes = 0) AS keys,
    uniqExactArrayIf(customers, key != '' AND failures > 0 AND successes = 0) AS customers_hit,
    sum(events) AS raw_events,
    sumIf(events, key != '') AS keyed,
    sum(with_customer) AS with_customer,
    raw_events < counted AS expired
FROM
(
    SELECT
        key,
        count() AS events,
        countIf(customer != '') AS with_customer,
        countIf(has({failed:Array(String)}, status)
            AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
            AND at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')) AS failures,
        countIf(has({ok:Array(String)}, status)
            AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')) AS successes,
        groupUniqArrayIf(customer, customer != ''
            AND has({failed:Array(String)}, status)
            AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
            AND at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')) AS customers
    FROM business_events FINAL
    WHERE stream = {stream:String}
        AND minute >= first_minute
        AND minute < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
        AND at >= first_minute
        AND (has({ok:Array(String)}, status) OR has({failed:Array(String)}, status))
    GROUP BY key
);
