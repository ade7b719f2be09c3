-- When what an incident is known as changed: its state, its times, its cause, whether it is one at
-- all. Without those that an assessor wrote after it had been replaced, and without bodies.
SELECT
    toUnixTimestamp64Milli(known_at) AS known_ms,
    toString(state) AS state,
    toUnixTimestamp64Milli(started_at) AS started_ms,
    toUnixTimestamp64Milli(ended_at) AS ended_ms,
    title, root, gone
FROM
(
    SELECT
        known_at, generation, state, started_at, ended_at, title, root, gone,
        max(generation) OVER (ORDER BY known_at, generation ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS newest
    FROM incidents FINAL
    WHERE id = {id:String}
        AND incidents.known_at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
)
WHERE generation = newest
ORDER BY known_ms;
