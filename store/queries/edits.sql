-- Edits of an incident ('' means of all) made by a moment, oldest first.
SELECT
    incident, id, toString(action) AS action, value, who, why,
    toUnixTimestamp64Milli(made_at) AS made_ms
FROM edits FINAL
WHERE ({incident:String} = '' OR incident = {incident:String})
    AND edits.made_at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
ORDER BY edits.made_at, id;
