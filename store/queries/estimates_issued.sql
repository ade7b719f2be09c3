-- Every estimate issued in [start, end), of all incidents, for the trust ledger.
SELECT
    incident, toString(process) AS process, toString(measure) AS measure, generation, body,
    map() AS draws
FROM estimates FINAL
WHERE estimates.as_of >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
    AND estimates.as_of < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
ORDER BY estimates.as_of, incident, process, measure;
