-- What is stored of every stream, for people. Only streams that are counted by segment can have some in
-- "other": reading the segments of all takes longer than everything else.
SELECT
    toString(seen.stream) AS stream,
    seen.first_minute AS first_minute,
    seen.last_minute AS last_minute,
    seen.minutes AS minutes,
    seen.events AS events,
    seen.statuses AS statuses,
    other.events AS events_in_other
FROM
(
    SELECT
        stream,
        toUnixTimestamp(min(minute)) * 1000 AS first_minute,
        toUnixTimestamp(max(minute)) * 1000 AS last_minute,
        count() AS minutes,
        sum(arraySum(`cells.events`)) AS events,
        arraySort(groupUniqArrayArray(`cells.status`)) AS statuses
    FROM minutes FINAL
    GROUP BY stream
) AS seen
LEFT JOIN
(
    SELECT
        stream,
        sum(arraySum(arrayMap((n, place) -> if(has(mapValues(place), 'other'), n, 0), `cells.events`, `cells.segment`))) AS events
    FROM minutes FINAL
    WHERE stream IN (SELECT stream FROM segment_combinations)
    GROUP BY stream
) AS other USING (stream)
ORDER BY stream;
