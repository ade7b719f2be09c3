-- One dead letter by where it stood.
SELECT
    topic, partition, offset, line, reason, detail,
    base64Encode(raw) AS raw_base64,
    toUnixTimestamp64Milli(received_at) AS received_ms,
    toUnixTimestamp64Milli(replayed_at) AS replayed_ms
FROM dead_letters FINAL
WHERE topic = {topic:String}
    AND partition = {partition:UInt32}
    AND offset = {offset:UInt64}
    AND line = {line:UInt32};
