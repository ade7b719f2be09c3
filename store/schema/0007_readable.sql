-- What people read with their own SQL and Grafana: what the map says, as rows, and views with plain
-- names over what Toll has said.

-- ORDER BY: the entries of one version of the map are read together.
CREATE TABLE IF NOT EXISTS map_measures
(
    version String COMMENT 'Version of the map; maps says since when it holds',
    process LowCardinality(String) COMMENT 'Which process',
    process_title String COMMENT 'The process as people call it',
    measure LowCardinality(String) COMMENT 'Which measure of the process',
    measure_title String COMMENT 'The measure as people call it',
    kind LowCardinality(String) COMMENT 'flow, lead_time, load, level',
    stream LowCardinality(String) COMMENT 'Stream of business events it counts',
    counted Array(LowCardinality(String)) COMMENT 'Statuses that are one unit each',
    adds_money UInt8 COMMENT '1: totals add its money; 0: it has none, or another measure carries it'
)
ENGINE = ReplacingMergeTree
ORDER BY (version, process, measure)
COMMENT 'The measures of every version of the map';

-- ORDER BY: as above.
CREATE TABLE IF NOT EXISTS map_nodes
(
    version String COMMENT 'Version of the map',
    node LowCardinality(String) COMMENT 'Name of the node',
    title String COMMENT 'The node as people call it',
    layer LowCardinality(String) COMMENT 'service, application, infrastructure, provider'
)
ENGINE = ReplacingMergeTree
ORDER BY (version, node)
COMMENT 'The nodes of every version of the map';

CREATE VIEW IF NOT EXISTS v_measures
(
    process String COMMENT 'Which process',
    process_title String COMMENT 'The process as people call it',
    measure String COMMENT 'Which measure of the process',
    measure_title String COMMENT 'The measure as people call it',
    kind String COMMENT 'flow, lead_time, load, level',
    stream String COMMENT 'Stream of business events it counts',
    counted Array(String) COMMENT 'Statuses that are one unit each',
    adds_money UInt8 COMMENT '1: totals add its money'
) AS
SELECT process, process_title, measure, measure_title, kind, stream, counted, adds_money
FROM map_measures FINAL
WHERE version = (SELECT argMax(version, (valid_from, known_at)) FROM maps)
COMMENT 'The measures of the map in force';

CREATE VIEW IF NOT EXISTS v_nodes
(
    node String COMMENT 'Name of the node',
    title String COMMENT 'The node as people call it',
    layer String COMMENT 'service, application, infrastructure, provider'
) AS
SELECT node, title, layer
FROM map_nodes FINAL
WHERE version = (SELECT argMax(version, (valid_from, known_at)) FROM maps)
COMMENT 'The nodes of the map in force';

CREATE VIEW IF NOT EXISTS v_units
(
    process String COMMENT 'Which process',
    measure String COMMENT 'Which measure of the process',
    minute DateTime('UTC') COMMENT 'Start of the minute',
    status String COMMENT 'What happened',
    units UInt64 COMMENT 'Units of that status in the minute',
    amount Decimal(38, 9) COMMENT 'Money they carried',
    currency String COMMENT 'Its currency; empty without amounts'
) AS
SELECT
    m.process AS process,
    m.measure AS measure,
    v.minute AS minute,
    v.status AS status,
    v.count AS units,
    v.amount AS amount,
    v.currency AS currency
FROM v_minutes AS v
INNER JOIN v_measures AS m ON v.stream = m.stream
WHERE has(m.counted, v.status)
COMMENT 'What there was of each measure, per minute';

-- One row per estimate: the parts that people ask for first, in units and in money.
CREATE VIEW IF NOT EXISTS v_estimates
(
    incident String COMMENT 'Which incident',
    process String COMMENT 'Which process',
    measure String COMMENT 'Which measure of the process',
    as_of DateTime64(3, 'UTC') COMMENT 'When it was known',
    generation UInt64 COMMENT 'Generation of the assessor that wrote it; the newest counts',
    kind String COMMENT 'flow, lead_time, load',
    state String COMMENT 'live, final, restated',
    method String COMMENT 'measured, modelled, evidence_only',
    data_until DateTime64(3, 'UTC') COMMENT 'Up to when the data was complete',
    unit String COMMENT 'What the units are: lost, excess, delayed',
    units_low Float64 COMMENT 'Units, lower end',
    units_mid Float64 COMMENT 'Units, middle',
    units_high Float64 COMMENT 'Units, upper end',
    money_low Nullable(Decimal(38, 9)) COMMENT 'Cost, lower end; null where a unit has no known worth',
    money_mid Nullable(Decimal(38, 9)) COMMENT 'Cost, middle',
    money_high Nullable(Decimal(38, 9)) COMMENT 'Cost, upper end',
    currency String COMMENT 'Currency of the cost',
    units_per_minute Nullable(Float64) COMMENT 'Units that one more minute costs; null once it is over',
    money_per_minute Nullable(Float64) COMMENT 'Money that one more minute costs'
) AS
SELECT
    incident,
    process,
    measure,
    as_of,
    generation,
    kind,
    state,
    method,
    data_until,
    multiIf(kind = 'flow', 'lost', kind = 'load', 'excess', 'delayed') AS unit,
    `parts.units_low`[indexOf(`parts.name`, unit)] AS units_low,
    `parts.units_mid`[indexOf(`parts.name`, unit)] AS units_mid,
    `parts.units_high`[indexOf(`parts.name`, unit)] AS units_high,
    arrayFirstIndex(
        (name, money) -> name IN ('lost', 'excess', 'delayed', 'delay_hours') AND isNotNull(money),
        `parts.name`, `parts.money_mid`) AS priced,
    `parts.money_low`[priced] AS money_low,
    `parts.money_mid`[priced] AS money_mid,
    `parts.money_high`[priced] AS money_high,
    `parts.currency`[priced] AS currency,
    JSONExtract(body, 'per_minute_units', 'Nullable(Float64)') AS units_per_minute,
    toFloat64OrNull(JSONExtractString(body, 'per_minute_money')) AS money_per_minute
FROM estimates
WHERE has(`parts.name`, multiIf(kind = 'flow', 'lost', kind = 'load', 'excess', 'delayed'))
COMMENT 'Every estimate ever issued, one row each';

CREATE VIEW IF NOT EXISTS v_costs
(
    incident String COMMENT 'Which incident',
    title String COMMENT 'The incident in one line',
    incident_kind String COMMENT 'outage, maintenance, business',
    incident_state String COMMENT 'open, recovering, settled',
    started_at DateTime64(3, 'UTC') COMMENT 'Start of the technical window',
    ended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'End of the technical window; null while open',
    root String COMMENT 'The node that explains most; empty for a business-first incident',
    root_title String COMMENT 'The root as people call it',
    root_layer String COMMENT 'service, application, infrastructure, provider',
    process String COMMENT 'Which process',
    process_title String COMMENT 'The process as people call it',
    measure String COMMENT 'Which measure of the process',
    measure_title String COMMENT 'The measure as people call it',
    state String COMMENT 'live, final, restated',
    method String COMMENT 'measured, modelled, evidence_only',
    as_of DateTime64(3, 'UTC') COMMENT 'When it was known',
    unit String COMMENT 'What the units are: lost, excess, delayed',
    units_low Float64 COMMENT 'Units, lower end',
    units_mid Float64 COMMENT 'Units, middle',
    units_high Float64 COMMENT 'Units, upper end',
    money_low Nullable(Decimal(38, 9)) COMMENT 'Cost, lower end',
    money_mid Nullable(Decimal(38, 9)) COMMENT 'Cost, middle; middles may be added, ends of ranges may not',
    money_high Nullable(Decimal(38, 9)) COMMENT 'Cost, upper end',
    currency String COMMENT 'Currency of the cost',
    adds_money UInt8 COMMENT '1: totals add its money; 0: another measure carries it',
    units_per_minute Nullable(Float64) COMMENT 'Units that one more minute costs',
    money_per_minute Nullable(Float64) COMMENT 'Money that one more minute costs'
) AS
SELECT
    e.incident AS incident,
    i.title AS title,
    i.kind AS incident_kind,
    i.state AS incident_state,
    i.started_at AS started_at,
    i.ended_at AS ended_at,
    i.root AS root,
    if(n.title = '', i.root, n.title) AS root_title,
    n.layer AS root_layer,
    e.process AS process,
    if(m.process_title = '', e.process, m.process_title) AS process_title,
    e.measure AS measure,
    if(m.measure_title = '', e.measure, m.measure_title) AS measure_title,
    e.state AS state,
    e.method AS method,
    e.as_of AS as_of,
    e.unit AS unit,
    e.units_low AS units_low,
    e.units_mid AS units_mid,
    e.units_high AS units_high,
    e.money_low AS money_low,
    e.money_mid AS money_mid,
    e.money_high AS money_high,
    e.currency AS currency,
    m.adds_money AS adds_money,
    e.units_per_minute AS units_per_minute,
    e.money_per_minute AS money_per_minute
FROM v_estimates AS e
INNER JOIN v_incidents AS i ON e.incident = i.id
LEFT JOIN v_measures AS m ON e.process = m.process AND e.measure = m.measure
LEFT JOIN v_nodes AS n ON i.root = n.node
WHERE (e.incident, e.process, e.measure, e.generation, e.as_of) IN
(
    SELECT incident, process, measure, newest.1, newest.2
    FROM
    (
        SELECT incident, process, measure, max((generation, as_of)) AS newest
        FROM estimates
        GROUP BY incident, process, measure
    )
)
LIMIT 1 BY e.incident, e.process, e.measure
COMMENT 'What each incident costs each measure, by the newest estimate';

CREATE VIEW IF NOT EXISTS v_signals
(
    source String COMMENT 'Format or system it came from',
    kind String COMMENT 'alert, outage, maintenance, change',
    status String COMMENT 'firing, resolved',
    severity String COMMENT 'critical, major, minor, info',
    summary String COMMENT 'One line for people',
    labels Map(String, String) COMMENT 'What the map matches nodes by',
    url String COMMENT 'Where to read more',
    started_at DateTime64(3, 'UTC') COMMENT 'When it began',
    ended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended, as far as it says',
    received_at DateTime64(3, 'UTC') COMMENT 'When Toll had it'
) AS
SELECT source, kind, status, severity, summary, labels, url, started_at, ended_at, received_at
FROM signals FINAL
COMMENT 'Every technical signal';

CREATE VIEW IF NOT EXISTS v_edits
(
    incident String COMMENT 'Which incident is corrected',
    made_at DateTime64(3, 'UTC') COMMENT 'When',
    action String COMMENT 'What is corrected: start, end, root, reach, merge, split, dismiss, ...',
    value String COMMENT 'The new value, as JSON',
    who String COMMENT 'Who did it',
    why String COMMENT 'The reason given'
) AS
SELECT incident, made_at, action, value, who, why
FROM edits FINAL
COMMENT 'What people corrected';

CREATE VIEW IF NOT EXISTS v_arrivals
(
    stream String COMMENT 'Which stream',
    topic String COMMENT 'Topic it came from',
    received_minute DateTime('UTC') COMMENT 'Minute of arrival',
    delay_s Float64 COMMENT 'High quantile of arrival less event time, in seconds',
    last_at DateTime64(3, 'UTC') COMMENT 'Newest event time in it'
) AS
SELECT stream, topic, received_minute, max(delay_ms) / 1000 AS delay_s, max(arrivals.last_at) AS last_at
FROM arrivals
GROUP BY stream, topic, received_minute
COMMENT 'How late the events of each stream arrive';
