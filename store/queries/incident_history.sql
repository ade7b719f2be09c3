-- Every version of one incident in the order they became known, without those that an assessor
-- wrote after it had been replaced.
SELECT id, generation, gone, toUnixTimestamp64Milli(known_at) AS known_ms, body
FROM
(
    SELECT
        id, generation, gone, known_at, body,
        max(generation) OVER (ORDER BY known_at, generation ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS newest
    FROM incidents FINAL
    WHERE id = {id:String}
)
WHERE generation = newest
ORDER BY known_at;
