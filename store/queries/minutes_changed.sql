-- Which minutes of each stream have been counted anew since a generation, and how many.
SELECT
    toString(stream) AS stream,
    toUnixTimestamp(min(minute)) * 1000 AS first_ms,
    toUnixTimestamp(max(minute)) * 1000 AS last_ms,
    max(generation) AS newest,
    uniqExact(minute) AS minutes
FROM minutes
WHERE generation > {since:UInt64}
GROUP BY stream
ORDER BY stream;
