-- What would have been said live of incidents that were over when Toll first heard of them.
SELECT
    toString(age) AS age, incident, toString(process) AS process, toString(measure) AS measure, body,
    map() AS draws
FROM replays FINAL
WHERE ({process:String} = '' OR process = {process:String})
    AND ({measure:String} = '' OR measure = {measure:String})
ORDER BY incident, process, measure, age;
