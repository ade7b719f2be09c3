-- How the data of every stream arrives. The delay is a high quantile over the minutes of arrival of
-- the two weeks before the stream's last arrival, and never the slowest of several: one straggler
-- teaches nothing. The pause is one over the time between two of them. A day by itself, with nothing
-- in the five weeks after it, is no beginning: one event with an old date makes no years of zeros.
-- A sibling, another stream of the same source, has news as far as its own events are new: old ones
-- that arrive now, a replay, show nothing. The source is what the settings declare, else the topic.
WITH
    seen AS
    (
        SELECT
            stream,
            max(minute) AS last_minute,
            arraySort(groupUniqArray(toDate(minute))) AS days,
            arrayFirst((day, next) -> next - day <= 35, days, arrayPushBack(arrayPopFront(days), days[-1])) AS first_day,
            greatest(min(minute), toDateTime(first_day, 'UTC')) AS first_minute
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
        SELECT
            stream,
            arraySort(groupArray(slowest)) AS delays,
            delays[greatest(1, least(1 + intDiv(9 * length(delays), 10), length(delays) - 1))] AS delay,
            arraySort(groupArray(toUnixTimestamp(received_minute))) AS minutes,
            if(length(minutes) < 10, NULL, arrayReduce('quantileExact(0.99)', arrayPopFront(arrayDifference(minutes)))) AS pause
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
        SELECT stream, min(read_until) AS read_until, sum(lag) AS lag
        FROM topics INNER JOIN (SELECT topic, read_until, lag FROM progress FINAL) AS parts USING (topic)
        GROUP BY stream
    ),
    sources AS
    (
        SELECT
            stream,
            last_at,
            last_received,
            if(
                has({streams:Array(String)}, toString(stream)),
                concat('declared ', {sources:Array(String)}[indexOf({streams:Array(String)}, toString(stream))]),
                concat('topic ', toString(topic))
            ) AS source
        FROM topics
    ),
    siblings AS
    (
        SELECT
            mine.stream AS stream,
            max(least(other.last_received, other.last_at + toIntervalMillisecond(greatest(ifNull(late.delay, 0), 120000)))) AS received,
            arraySort(groupUniqArray(toString(other.stream))) AS others
        FROM sources AS mine INNER JOIN sources AS other ON mine.source = other.source
        LEFT JOIN delays AS late ON late.stream = other.stream
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
    toUnixTimestamp64Milli(siblings.received) AS siblings_received,
    delays.pause AS pause_s,
    siblings.others AS siblings,
    ifNull(read.lag, 0) AS lag
FROM names
LEFT JOIN seen ON seen.stream = names.stream
LEFT JOIN whole ON whole.stream = names.stream
LEFT JOIN delays ON delays.stream = names.stream
LEFT JOIN read ON read.stream = names.stream
LEFT JOIN siblings ON siblings.stream = names.stream
ORDER BY stream
SETTINGS join_use_nulls = 1;
