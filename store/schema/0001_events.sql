-- Business events as they came, and what is counted from them.

-- ORDER BY: reads are for one stream and some minutes, so these come first. (stream, id, at) is the
-- identity of an event; the id stands there as its 64-bit hash, which sorts and compares faster
-- than text, and `minute` follows from `at`. Rows with one sorting key are one event: the row with
-- the largest position in the log wins, in whatever order they came (ReplacingMergeTree(position)).
-- PARTITION BY month: expiry drops whole months, and FINAL need not merge across them, since `at`
-- is part of the identity.
-- TTL: a late event is as old as its arrival, so that an import of past years is not gone at once.
-- The setting of the retention changes it (`business_events_ttl`).
-- CODEC: times and positions grow slowly, so differences are small; text is repetitive: ZSTD.
CREATE TABLE IF NOT EXISTS business_events
(
    stream LowCardinality(String) COMMENT 'Which stream of business events it belongs to',
    id String COMMENT 'The producer''s id; with stream and at the identity of the event' CODEC(ZSTD(1)),
    at DateTime64(3, 'UTC') COMMENT 'When it happened, not when it was sent' CODEC(Delta, ZSTD(1)),
    minute DateTime('UTC') MATERIALIZED toDateTime(toStartOfMinute(at), 'UTC')
        COMMENT 'The minute it is counted in' CODEC(Delta, ZSTD(1)),
    id_hash UInt64 MATERIALIZED sipHash64(id) COMMENT 'The id within the sorting key' CODEC(NONE),
    status LowCardinality(String) COMMENT 'What happened: ok, failed, placed, shipped, ...',
    key String COMMENT 'Business key that joins attempts and stages, hashed unless declared plain; empty without one' CODEC(ZSTD(1)),
    customer String COMMENT 'Who was hit, hashed unless declared plain; empty if not known' CODEC(ZSTD(1)),
    amount Nullable(Decimal(38, 9)) COMMENT 'Money it carries, in currency' CODEC(ZSTD(1)),
    currency LowCardinality(String) COMMENT 'ISO 4217; empty without an amount',
    count UInt64 COMMENT 'How many units it stands for' CODEC(T64, ZSTD(1)),
    value Nullable(Float64) COMMENT 'Sampled score or stock, for level measures' CODEC(ZSTD(1)),
    segment Map(LowCardinality(String), String) COMMENT 'Region, channel, tier, ...' CODEC(ZSTD(1)),
    received_at DateTime64(3, 'UTC') COMMENT 'When the log had it' CODEC(Delta, ZSTD(1)),
    topic LowCardinality(String) COMMENT 'Topic of the log it was read from',
    partition UInt32 COMMENT 'Partition of that topic' CODEC(T64, ZSTD(1)),
    position UInt64 COMMENT 'Offset and line within the partition: of two rows of one event the larger wins' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(position)
PARTITION BY toYYYYMM(at)
ORDER BY (stream, minute, id_hash, at)
TTL toDateTime(greatest(at, received_at)) + toIntervalSecond(7776000)
COMMENT 'Every business event, until it expires; read with FINAL, since repeats vanish in merges only';

-- One row holds a whole minute of a stream: everything counted from it, as parallel arrays. A
-- recompute thus replaces a minute in one piece: no reader sees half of it, a status that a
-- correction emptied leaves nothing behind, and of two workers that race, the one whose clock was
-- read later (after its own insert, before its own read) has seen the inserts of both and wins.
-- ORDER BY: reads are for one stream and a range of minutes. PARTITION BY year: the newest part of
-- the table is merged often, the older ones no more. No TTL: this is the history of record.
-- INDEX: what was counted since a generation is asked for every few seconds, and lies close together.
CREATE TABLE IF NOT EXISTS minutes
(
    stream LowCardinality(String) COMMENT 'Which stream',
    minute DateTime('UTC') COMMENT 'Start of the minute' CODEC(Delta, ZSTD(1)),
    generation UInt64 COMMENT 'The store''s clock when it was counted, ns; the newest row of a minute wins' CODEC(Delta, ZSTD(1)),
    oldest DateTime64(3, 'UTC') COMMENT 'When its first event begins to expire, less the retention; decides sealing' CODEC(Delta, ZSTD(1)),
    `cells.status` Array(LowCardinality(String)) COMMENT 'Status of each cell',
    `cells.currency` Array(LowCardinality(String)) COMMENT 'Currency of each cell; empty without amounts',
    `cells.segment` Array(Map(LowCardinality(String), String)) COMMENT 'The listed segments of each cell; other past the 200th combination',
    `cells.events` Array(UInt64) COMMENT 'Events in each cell' CODEC(T64, ZSTD(1)),
    `cells.count` Array(UInt64) COMMENT 'Units in each cell: the sum of the events'' counts' CODEC(T64, ZSTD(1)),
    `cells.amount` Array(Decimal(38, 9)) COMMENT 'Exact sum of money in each cell' CODEC(ZSTD(1)),
    `cells.value_sum` Array(Float64) COMMENT 'Sum of sampled values' CODEC(ZSTD(1)),
    `cells.value_count` Array(UInt64) COMMENT 'How many values were sampled' CODEC(T64, ZSTD(1)),
    INDEX by_generation generation TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(generation)
PARTITION BY toYear(minute)
ORDER BY (stream, minute)
COMMENT 'What was counted per stream and minute; v_minutes shows it as plain rows';

-- ORDER BY: the combinations of one stream are read together. The first to be seen keeps its place:
-- repeats carry the same key, and the smallest time is what counts.
CREATE TABLE IF NOT EXISTS segment_combinations
(
    stream LowCardinality(String) COMMENT 'Which stream',
    combination String COMMENT 'The listed segments, as sorted JSON',
    seen_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')) DEFAULT now64(3, 'UTC') COMMENT 'When it was first seen'
)
ENGINE = AggregatingMergeTree
ORDER BY (stream, combination)
COMMENT 'The combinations of segments that are counted apart: the first 200 of each stream';

CREATE VIEW IF NOT EXISTS v_minutes AS
SELECT
    stream,
    minute,
    cell.status AS status,
    cell.currency AS currency,
    cell.segment AS segment,
    cell.events AS events,
    cell.count AS count,
    cell.amount AS amount,
    cell.value_sum AS value_sum,
    cell.value_count AS value_count,
    generation
FROM minutes FINAL
ARRAY JOIN cells AS cell;
