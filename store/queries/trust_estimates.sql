-- Of every incident that is settled: the live estimates of each age, the first final one and the
-- newest. The moments are found by narrow columns first, since bodies are nearly all of the bytes.
WITH
    begun AS
    (
        SELECT id, newest.3 AS since, newest.4 AS until
        FROM
        (
            SELECT id, max((generation, known_at, started_at, ended_at, gone)) AS newest
            FROM incidents
            GROUP BY id
        )
        WHERE newest.5 = 0
            AND since >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
            AND since < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
    ),
    told AS
    (
        SELECT
            incident, process, measure, as_of, state, notEmpty(parts.name) AS said,
            generation = max(generation) OVER (
                PARTITION BY incident, process, measure ORDER BY as_of, generation
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS valid
        FROM estimates
        WHERE incident IN (SELECT id FROM begun)
            AND ({process:String} = '' OR process = {process:String})
            AND ({measure:String} = '' OR measure = {measure:String})
    ),
    picked AS
    (
        SELECT
            incident, process, measure,
            arrayJoin([
                ('first', minIf(as_of, live)),
                ('ten_minutes', minIf(as_of, live AND as_of >= since + INTERVAL 10 MINUTE
                    AND (until IS NULL OR as_of < until))),
                ('cleared', minIf(as_of, live AND as_of >= until)),
                ('hour_after', minIf(as_of, live AND as_of >= until + INTERVAL 1 HOUR)),
                ('final', minIf(as_of, state != 'live')),
                ('newest', maxIf(as_of, state != 'live'))
            ]) AS pick
        FROM
        (
            SELECT *, state = 'live' AND said AS live
            FROM told
            INNER JOIN begun ON told.incident = begun.id
            WHERE valid
        )
        GROUP BY incident, process, measure
        HAVING countIf(state != 'live') > 0
    )
SELECT
    toString(pick.1) AS age, issued.incident AS incident, toString(issued.process) AS process,
    toString(issued.measure) AS measure, issued.generation AS generation, issued.body AS body,
    map() AS draws
FROM picked
INNER JOIN estimates AS issued
    ON issued.incident = picked.incident AND issued.process = picked.process
    AND issued.measure = picked.measure AND issued.as_of = picked.pick.2
ORDER BY incident, process, measure, age, generation DESC
LIMIT 1 BY incident, process, measure, age;
