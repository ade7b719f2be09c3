-- Edits of an incident ('' means of all), oldest first.
SELECT
    incident, id, toString(action) AS action, value, who, why,
    toUnixTimestamp64Milli(made_at) AS made_ms
FROM edits FINAL
WHERE {incident:String} = '' OR incident = {incident:String}
ORDER BY edits.made_at, id;
