-- What comes in beside business events: signals, dead letters, and how far reading has come.

-- ORDER BY: (source, id) is the identity of a statement. Of repeats the first stays: `keep` grows
-- the earlier a row was received. Signals are few, so reads by time scan the table.
CREATE TABLE IF NOT EXISTS signals
(
    source LowCardinality(String) COMMENT 'Format or system it came from',
    id String COMMENT 'Identity of this statement by its own format',
    kind LowCardinality(String) COMMENT 'alert, outage, maintenance, change',
    status LowCardinality(String) COMMENT 'firing, resolved',
    severity LowCardinality(String) COMMENT 'critical, major, minor, info',
    labels Map(LowCardinality(String), String) COMMENT 'What the map matches nodes by',
    summary String COMMENT 'One line for people',
    url String COMMENT 'Where to read more',
    fingerprint String COMMENT 'Identity of the thing it speaks of, shared by firing and resolved',
    started_at DateTime64(3, 'UTC') COMMENT 'When it began',
    ended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended, as far as this statement knows',
    availability Nullable(Float64) COMMENT 'What it says of its node, 0 to 1; null: by severity',
    received_at DateTime64(3, 'UTC') COMMENT 'When Toll had it',
    raw String COMMENT 'The native body, secrets removed' CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'The store''s clock when it was written',
    keep UInt64 DEFAULT 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(received_at)) COMMENT 'Larger the earlier it was received: the first of repeats stays'
)
ENGINE = ReplacingMergeTree(keep)
ORDER BY (source, id)
COMMENT 'Every technical signal, in normal form; kept for good';

-- ORDER BY: where the record stood in the log is its identity. Version 1 is the same letter once it
-- has been replayed. TTL on `raw` alone: the bytes may be personal, that they existed is not.
CREATE TABLE IF NOT EXISTS dead_letters
(
    topic LowCardinality(String) COMMENT 'Topic of the log',
    partition UInt32 COMMENT 'Partition of the topic',
    offset UInt64 COMMENT 'Offset of the record',
    line UInt32 COMMENT 'Line within the record, from 0',
    reason LowCardinality(String) COMMENT 'One of a closed list',
    detail String COMMENT 'What was found and what was expected' CODEC(ZSTD(1)),
    received_at DateTime64(3, 'UTC') COMMENT 'When the log had it',
    raw String TTL toDateTime(received_at) + INTERVAL 30 DAY COMMENT 'The bytes as they came, for 30 days' CODEC(ZSTD(3)),
    replayed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was sent again',
    version UInt8 DEFAULT 0 COMMENT '1 once it has been replayed'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (topic, partition, offset, line)
COMMENT 'What could not be read, and why';

-- ORDER BY: one row per partition, the newest wins.
CREATE TABLE IF NOT EXISTS progress
(
    topic LowCardinality(String) COMMENT 'Topic of the log',
    partition UInt32 COMMENT 'Partition of the topic',
    next_offset UInt64 COMMENT 'The next record to be read',
    read_until DateTime64(3, 'UTC') COMMENT 'All that was in the log by then has been counted',
    lag UInt64 COMMENT 'Records behind the end of the partition',
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this was written'
)
ENGINE = ReplacingMergeTree(recorded_at)
ORDER BY (topic, partition)
COMMENT 'How far the ingesters have come';

-- ORDER BY: one row per stream, topic and minute of arrival. Maxima, so that a repeat changes nothing.
-- TTL: delays are learned from the last weeks only.
CREATE TABLE IF NOT EXISTS arrivals
(
    stream LowCardinality(String) COMMENT 'Which stream',
    topic LowCardinality(String) COMMENT 'Topic it came from',
    received_minute DateTime('UTC') COMMENT 'Minute of arrival',
    delay_ms SimpleAggregateFunction(max, Int64) COMMENT 'High quantile of arrival less event time, ms',
    last_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Newest event time in it',
    last_received SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Newest arrival in it'
)
ENGINE = AggregatingMergeTree
ORDER BY (stream, topic, received_minute)
TTL received_minute + INTERVAL 30 DAY
COMMENT 'How the events of each stream arrive';

CREATE VIEW IF NOT EXISTS v_pipeline AS
SELECT topic, partition, next_offset, read_until, lag, recorded_at
FROM progress FINAL;

CREATE VIEW IF NOT EXISTS v_dead_letters AS
SELECT topic, partition, offset, line, reason, detail, received_at, replayed_at
FROM dead_letters FINAL;
