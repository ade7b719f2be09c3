-- Signals of what was going on in [start, end): begun before its end, and not ended before its start.
SELECT
    source, id, kind, status, severity, labels, summary, url, fingerprint,
    toUnixTimestamp64Milli(started_at) AS started_ms,
    toUnixTimestamp64Milli(ended_at) AS ended_ms,
    availability,
    toUnixTimestamp64Milli(received_at) AS received_ms
FROM signals FINAL
WHERE started_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
    AND (ended_at IS NULL OR ended_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
ORDER BY started_at, source, id;
