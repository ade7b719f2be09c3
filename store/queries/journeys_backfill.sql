-- Takes over what is already stored of these streams, as far as it was received since `since`.
INSERT INTO journeys (stream, key_hash, id_hash, at, status, key, amount, currency, position)
SELECT stream, sipHash64(key), id_hash, at, status, key, amount, currency, position
FROM business_events
WHERE stream IN (SELECT arrayJoin({streams:Array(String)}))
    AND key != ''
    AND received_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC');
