-- How the data of every stream arrives. The delay is a high quantile over the minutes of arrival of
-- the two weeks before the stream's last arrival.
WITH
    seen AS
    (
        SELECT stream, min(minute) AS first_minute, max(minute) AS last_minute
        FROM minutes
        GROUP BY stream
    ),
    topics AS
    (
        SELECT stream, topic, max(last_at) AS last_at, max(last_received) AS last_received
        FROM arrivals
        GROUP BY stream, topic
    ),
    whole AS
    (
        SELECT stream, max(last_at) AS last_at, max(last_received) AS last_received, groupArray(topic) AS topics
        FROM topics
        GROUP BY stream
    ),
    delays AS
    (
        SELECT stream, quantileExact(0.9)(slowest) AS delay
        FROM
        (
            SELECT stream, received_minute, max(delay_ms) AS slowest
            FROM arrivals
            GROUP BY stream, received_minute
        ) AS by_minute
        INNER JOIN (SELECT stream, toDateTime(last_received, 'UTC') AS newest FROM whole) AS ends USING (stream)
        WHERE received_minute >= newest - INTERVAL 14 DAY AND slowest >= 0
        GROUP BY stream
    ),
    read AS
    (
        SELECT stream, min(read_until) AS read_until
        FROM topics INNER JOIN (SELECT topic, read_until FROM progress FINAL) AS parts USING (topic)
        GROUP BY stream
    ),
    siblings AS
    (
        SELECT mine.stream AS stream, max(other.last_received) AS received
        FROM topics AS mine INNER JOIN topics AS other ON mine.topic = other.topic
        WHERE mine.stream != other.stream
        GROUP BY stream
    ),
    names AS
    (
        SELECT stream FROM seen UNION DISTINCT SELECT stream FROM whole
    )
SELECT
    toString(names.stream) AS stream,
    toUnixTimestamp(seen.first_minute) * 1000 AS first_at,
    greatest(
        ifNull(toUnixTimestamp64Milli(whole.last_at), 0),
        ifNull(toInt64(toUnixTimestamp(seen.last_minute)) * 1000, 0)
    ) AS last_at,
    toUnixTimestamp64Milli(whole.last_received) AS last_received,
    delays.delay / 1000 AS delay_s,
    toUnixTimestamp64Milli(read.read_until) AS read_until,
    toUnixTimestamp64Milli(siblings.received) AS siblings_received
FROM names
LEFT JOIN seen ON seen.stream = names.stream
LEFT JOIN whole ON whole.stream = names.stream
LEFT JOIN delays ON delays.stream = names.stream
LEFT JOIN read ON read.stream = names.stream
LEFT JOIN siblings ON siblings.stream = names.stream
ORDER BY stream
SETTINGS join_use_nulls = 1;
