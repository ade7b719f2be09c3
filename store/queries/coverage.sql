-- What is stored of every stream, for people.
SELECT
    toString(stream) AS stream,
    toUnixTimestamp(min(minute)) * 1000 AS first_minute,
    toUnixTimestamp(max(minute)) * 1000 AS last_minute,
    count() AS minutes,
    sum(arraySum(`cells.events`)) AS events,
    arraySort(groupUniqArrayArray(`cells.status`)) AS statuses,
    sum(arraySum(arrayMap((n, place) -> if(has(mapValues(place), 'other'), n, 0), `cells.events`, `cells.segment`))) AS events_in_other
FROM minutes FINAL
GROUP BY stream
ORDER BY stream;
