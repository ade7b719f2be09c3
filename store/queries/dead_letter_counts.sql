-- How many dead letters there are by reason, and how many of them have not been replayed.
SELECT
    toString(reason) AS reason,
    count() AS total,
    countIf(replayed_at IS NULL) AS open
FROM dead_letters FINAL
GROUP BY reason
ORDER BY reason;
