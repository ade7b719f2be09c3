-- Counts whole minutes of one stream again from what is stored, as a new generation of each.
-- `runs` are half-open runs of minutes since the epoch; start and stop (ms) enclose them, so that
-- other months are not touched.
INSERT INTO minutes
(
    stream, minute, generation, oldest,
    `cells.status`, `cells.currency`, `cells.segment`, `cells.events`, `cells.count`,
    `cells.amount`, `cells.value_sum`, `cells.value_count`
)
WITH
    kept AS
    (
        SELECT combination
        FROM segment_combinations
        WHERE stream = {stream:String}
        GROUP BY combination
        ORDER BY min(seen_at), combination
        LIMIT 200
    ),
    wanted AS
    (
        SELECT toDateTime(arrayJoin(arrayFlatten(arrayMap(
            run -> range(run.1, run.2), {runs:Array(Tuple(UInt32, UInt32))}))) * 60, 'UTC')
    ),
    cells AS
    (
        WITH mapSort(mapFilter((name, value) -> has({segments:Array(String)}, name), segment)) AS listed
        SELECT
            minute,
            status,
            currency,
            -- A stream without listed segments must not pay for the maps of all its events.
            if(empty({segments:Array(String)}),
               CAST(map(), 'Map(LowCardinality(String), String)'),
               if(toJSONString(listed) IN kept,
                  listed,
                  mapFromArrays({segments:Array(String)}, arrayMap(name -> 'other', {segments:Array(String)}))
               )
            ) AS place,
            count() AS events,
            sum(count) AS units,
            sum(ifNull(amount, toDecimal128(0, 9))) AS money,
            sum(ifNull(value, 0)) AS value_sum,
            count(value) AS value_count,
            min(greatest(at, received_at)) AS oldest
        FROM business_events FINAL
        WHERE stream = {stream:String}
            AND minute IN wanted
            AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
            AND at < fromUnixTimestamp64Milli({stop:Int64}, 'UTC')
        GROUP BY minute, status, currency, place
    )
SELECT
    {stream:String},
    minute,
    {generation:UInt64},
    min(oldest),
    groupArray(status),
    groupArray(currency),
    groupArray(place),
    groupArray(events),
    groupArray(units),
    groupArray(money),
    groupArray(value_sum),
    groupArray(value_count)
FROM cells
GROUP BY minute;
