-- Signals received, or written, since a moment. The store's clock counts too: a signal may be
-- received early and written late.
SELECT
    source, id, kind, status, severity, labels, summary, url, fingerprint,
    toUnixTimestamp64Milli(started_at) AS started_ms,
    toUnixTimestamp64Milli(ended_at) AS ended_ms,
    availability,
    toUnixTimestamp64Milli(received_at) AS received_ms
FROM signals FINAL
WHERE greatest(received_at, stored_at) >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
ORDER BY received_at, source, id;
