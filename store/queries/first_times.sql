-- Under which time each of these ids is known.
SELECT id, toUnixTimestamp64Milli(min(at)) AS at
FROM event_ids
WHERE stream = {stream:String}
    AND id_hash IN (SELECT sipHash64(arrayJoin({ids:Array(String)})))
    AND id IN (SELECT arrayJoin({ids:Array(String)}))
GROUP BY id;
