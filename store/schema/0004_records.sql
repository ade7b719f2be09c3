-- What Toll has said: maps, incidents, estimates, edits, notes, reports. Append only, kept for good.
-- fsync_after_insert: rows are few, cannot be rebuilt by reading the log again, and must outlive a
-- power cut.

-- Small facts about this store, such as the fingerprint of its salt.
CREATE TABLE IF NOT EXISTS meta
(
    name String COMMENT 'Which fact',
    value String COMMENT 'Its value',
    set_at DateTime64(9, 'UTC') DEFAULT now64(9, 'UTC') COMMENT 'When it was set; the newest counts'
)
ENGINE = ReplacingMergeTree(set_at)
ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Small facts about this store';

-- ORDER BY: the map of a moment is the newest one valid by then.
CREATE TABLE IF NOT EXISTS maps
(
    version String COMMENT 'Hash of the content',
    valid_from DateTime64(3, 'UTC') COMMENT 'From when on it describes the company',
    known_at DateTime64(3, 'UTC') COMMENT 'When Toll learned it',
    content String COMMENT 'The map as it was read' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (valid_from, version, known_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every version of the map';

-- Who is the active assessor: the newest generation. Its number is the store's clock when it was taken.
CREATE TABLE IF NOT EXISTS assess_generations
(
    generation UInt64 COMMENT 'Larger than every one before',
    holder String COMMENT 'Which process took it',
    taken_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When'
)
ENGINE = ReplacingMergeTree
ORDER BY generation
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Generations of the one active assessor';

-- ORDER BY: an incident's versions lie together, in the order they became known. A row of an older
-- generation than the newest seen for its incident comes from an assessor that had been replaced.
CREATE TABLE IF NOT EXISTS incidents
(
    id String COMMENT 'Derived from its first signal',
    known_at DateTime64(3, 'UTC') COMMENT 'When this version became known',
    generation UInt64 COMMENT 'Generation of the assessor that wrote it',
    kind LowCardinality(String) COMMENT 'outage, maintenance, business',
    state LowCardinality(String) COMMENT 'open, recovering, settled',
    title String COMMENT 'One line for people',
    started_at DateTime64(3, 'UTC') COMMENT 'Start of the technical window',
    ended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'End of the technical window; null while open',
    root String COMMENT 'The node that explains most; empty for a business-first incident',
    explanation String COMMENT 'The path in words, from cause to process',
    processes Array(String) COMMENT 'Processes it reaches',
    map_version String COMMENT 'Map by which it was explained',
    gone UInt8 COMMENT '1: taken back: merged into another, or not an incident',
    body String COMMENT 'The whole incident as JSON' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (id, known_at, generation)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every version of every incident; v_incidents shows the newest';

-- ORDER BY: the estimates of an incident are read together, by measure, in the order of their issue.
-- parts: gross, recovered, lost, excess, delayed, ... each with its range in units and in money.
-- draws: so that totals add draws and not ends of ranges; as Float32, since they are samples.
CREATE TABLE IF NOT EXISTS estimates
(
    incident String COMMENT 'Which incident',
    process LowCardinality(String) COMMENT 'Which process',
    measure LowCardinality(String) COMMENT 'Which measure of the process',
    as_of DateTime64(3, 'UTC') COMMENT 'When it was known',
    generation UInt64 COMMENT 'Generation of the assessor that wrote it',
    kind LowCardinality(String) COMMENT 'flow, lead_time, load',
    state LowCardinality(String) COMMENT 'live, final, restated',
    method LowCardinality(String) COMMENT 'measured, modelled, evidence_only',
    data_until DateTime64(3, 'UTC') COMMENT 'Up to when the data was complete',
    share Float64 COMMENT 'Share of the shortfall that is this incident''s, 0 to 1',
    `parts.name` Array(LowCardinality(String)) COMMENT 'gross, recovered, lost, excess, delayed, ...',
    `parts.units_low` Array(Float64) COMMENT 'Units, lower end',
    `parts.units_mid` Array(Float64) COMMENT 'Units, middle',
    `parts.units_high` Array(Float64) COMMENT 'Units, upper end',
    `parts.money_low` Array(Nullable(Decimal(38, 9))) COMMENT 'Money, lower end; null without a value',
    `parts.money_mid` Array(Nullable(Decimal(38, 9))) COMMENT 'Money, middle',
    `parts.money_high` Array(Nullable(Decimal(38, 9))) COMMENT 'Money, upper end',
    `parts.currency` Array(LowCardinality(String)) COMMENT 'Currency of the money; empty without',
    draws Map(LowCardinality(String), Array(Float32)) COMMENT 'Signed draws of each part, in units' CODEC(ZSTD(3)),
    body String COMMENT 'The whole estimate as JSON, without the draws' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (incident, process, measure, as_of, generation)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every estimate ever issued; v_impact shows the newest';

-- ORDER BY: the edits of an incident are read together, oldest first.
CREATE TABLE IF NOT EXISTS edits
(
    incident String COMMENT 'Which incident is corrected',
    made_at DateTime64(3, 'UTC') COMMENT 'When',
    id String COMMENT 'Identity of the edit: a repeat changes nothing',
    action LowCardinality(String) COMMENT 'What is corrected: start, end, root, reach, merge, split, dismiss, ...',
    value String COMMENT 'The new value, as JSON',
    who String COMMENT 'Who did it',
    why String COMMENT 'The reason given'
)
ENGINE = ReplacingMergeTree
ORDER BY (incident, made_at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What people corrected, with who, when and why';

-- ORDER BY: one row per note. rank only grows (attempts, then the end), so that a note which an older
-- assessor queues again never overwrites that it was sent.
CREATE TABLE IF NOT EXISTS outbox
(
    incident String COMMENT 'Which incident',
    rule String COMMENT 'Which rule asked for the note',
    subscriber String COMMENT 'Who gets it',
    state LowCardinality(String) COMMENT 'pending, sent, given_up',
    rank UInt32 COMMENT 'Of two rows of a note the larger counts: attempts made, or the end',
    payload String COMMENT 'What is sent, as JSON' CODEC(ZSTD(3)),
    created_at DateTime64(3, 'UTC') COMMENT 'When it was queued',
    changed_at DateTime64(3, 'UTC') COMMENT 'When this state was reached',
    error String COMMENT 'Why the last attempt failed',
    generation UInt64 COMMENT 'Generation of the assessor that wrote it'
)
ENGINE = ReplacingMergeTree(rank)
ORDER BY (incident, rule, subscriber)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Notes to people, each sent once';

-- ORDER BY: a report is asked for by its name; the first issue stays what it was.
CREATE TABLE IF NOT EXISTS reports
(
    name String COMMENT 'Such as weekly/2026-W46.pdf',
    made_at DateTime64(3, 'UTC') COMMENT 'When it was issued',
    media_type LowCardinality(String) COMMENT 'Media type of the content',
    content String COMMENT 'Its bytes, to be handed out unchanged' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (name, made_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Reports as they were issued';

CREATE VIEW IF NOT EXISTS v_incidents AS
SELECT id, kind, state, title, started_at, ended_at, root, explanation, processes, known_at
FROM
(
    SELECT * FROM incidents ORDER BY generation DESC, known_at DESC LIMIT 1 BY id
)
WHERE gone = 0;

CREATE VIEW IF NOT EXISTS v_impact AS
SELECT
    incident,
    process,
    measure,
    kind,
    state,
    method,
    as_of,
    data_until,
    part.name AS part,
    part.units_low AS units_low,
    part.units_mid AS units_mid,
    part.units_high AS units_high,
    part.money_low AS money_low,
    part.money_mid AS money_mid,
    part.money_high AS money_high,
    part.currency AS currency
FROM
(
    SELECT * EXCEPT (draws, body)
    FROM estimates
    ORDER BY generation DESC, as_of DESC
    LIMIT 1 BY incident, process, measure
)
ARRAY JOIN parts AS part
WHERE incident IN (SELECT id FROM v_incidents);
