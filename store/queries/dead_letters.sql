-- Dead letters, newest first; an empty reason means all.
SELECT
    topic, partition, offset, line, reason, detail,
    base64Encode(raw) AS raw_base64,
    toUnixTimestamp64Milli(received_at) AS received_ms,
    toUnixTimestamp64Milli(replayed_at) AS replayed_ms
FROM dead_letters FINAL
WHERE ({reason:String} = '' OR reason = {reason:String})
    AND ({replayed:UInt8} = 1 OR replayed_at IS NULL)
ORDER BY received_at DESC, topic, partition, offset DESC, line DESC
LIMIT {limit:UInt32} OFFSET {skip:UInt32};
