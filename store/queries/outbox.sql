-- Notes in one of these states, of an incident ('' means of all), in the order they were queued.
SELECT
    incident, rule, subscriber, toString(state) AS state, rank, payload, error, generation,
    toUnixTimestamp64Milli(created_at) AS created_ms,
    toUnixTimestamp64Milli(changed_at) AS changed_ms,
    toUnixTimestamp64Milli(due_at) AS due_ms
FROM outbox FINAL
WHERE has({states:Array(String)}, state)
    AND ({incident:String} = '' OR incident = {incident:String})
ORDER BY outbox.created_at, incident, rule, subscriber;
