-- Every signal, in the order it was received; of repeats the first.
SELECT
    source, id, kind, status, severity, labels, summary, url, fingerprint,
    toUnixTimestamp64Milli(started_at) AS started_ms,
    toUnixTimestamp64Milli(ended_at) AS ended_ms,
    availability,
    toUnixTimestamp64Milli(received_at) AS received_ms
FROM signals FINAL
ORDER BY received_at, source, id;
