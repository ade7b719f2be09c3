-- Every estimate of an incident in the order of issue, without those that an assessor wrote after it
-- had been replaced.
SELECT
    incident, toString(process) AS process, toString(measure) AS measure, generation, body,
    if({draws:UInt8} = 1, draws, map()) AS draws
FROM
(
    SELECT
        *,
        max(generation) OVER (
            PARTITION BY process, measure ORDER BY as_of, generation
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS newest
    FROM estimates FINAL
    WHERE incident = {incident:String}
)
WHERE generation = newest
ORDER BY as_of, process, measure;
