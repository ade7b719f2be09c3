"""The boards: what they ask the store, and what Toll's own metrics add."""

from __future__ import annotations

from tests.dashboards.build import LINK_SPAN, Board, Panel, Variable

PROCESS = Variable(
    "process",
    "Process",
    "SELECT DISTINCT process, process_title FROM v_measures ORDER BY process_title",
    many=True,
)
MEASURE = Variable(
    "measure",
    "Measure",
    """
    SELECT DISTINCT measure, measure_title FROM v_measures
    WHERE process IN ('', ${process:sqlstring}) ORDER BY measure_title
    """,
    many=True,
)
INCIDENT = Variable(
    "incident",
    "Incident",
    """
    SELECT id, concat(formatDateTime(started_at, '%Y-%m-%d %H:%i', 'UTC'), ' ', title)
    FROM v_incidents ORDER BY started_at DESC LIMIT 500
    """,
)
PROVIDER = Variable(
    "provider",
    "Provider",
    "SELECT node, title FROM v_nodes WHERE layer = 'provider' ORDER BY title",
    many=True,
)
_COSTS = f"""
SELECT
    incident, title, process_title, measure_title,
    round(units_mid) AS units, unit AS are,
    round(money_mid) AS money, round(money_low) AS low, round(money_high) AS high, currency,
    round(money_per_minute) AS a_minute, incident_state AS is, state AS estimate, method,
    started_at, ended_at,
    {LINK_SPAN}
FROM v_costs
WHERE {{where}}
ORDER BY money_mid DESC
LIMIT 200
"""
_BEGUN = "adds_money AND incident_kind != 'maintenance' AND $__timeFilter(started_at)"

OVERVIEW = Board(
    "toll-overview",
    "Business impact overview",
    "What incidents cost: now, and in the time chosen.",
    [
        Panel(
            "One more minute costs",
            "stat",
            """
            SELECT currency, sum(money_per_minute) AS a_minute FROM v_costs
            WHERE adds_money AND incident_state != 'settled' AND money_per_minute IS NOT NULL
            GROUP BY currency
            """,
            says="All open incidents together, the middle.",
            width=6,
            height=5,
            may_be_empty=True,
            empty="0",
            alarming=True,
        ),
        Panel(
            "Open incidents",
            "stat",
            "SELECT countIf(state != 'settled') AS open FROM v_incidents",
            width=6,
            height=5,
            alarming=True,
        ),
        Panel(
            "Incidents begun in this time cost",
            "stat",
            f"""
            SELECT currency, sum(money_mid) AS cost FROM v_costs WHERE {_BEGUN} GROUP BY currency
            """,
            says="Middles added; measures whose money another one carries are left out.",
            width=6,
            height=5,
        ),
        Panel(
            "Minutes with an incident",
            "stat",
            """
            SELECT sum(dateDiff('minute', greatest(started_at, $__fromTime),
                least(coalesce(ended_at, now()), $__toTime))) AS minutes
            FROM v_incidents
            WHERE kind != 'maintenance' AND started_at <= $__toTime
                AND coalesce(ended_at, now()) >= $__fromTime
            """,
            says="Technical windows added up; two at once count twice.",
            width=6,
            height=5,
            unit="m",
        ),
        Panel(
            "Cost by day and process",
            "timeseries",
            f"""
            SELECT toStartOfDay(started_at) AS time, process_title,
                toFloat64(sum(money_mid)) AS cost
            FROM v_costs WHERE {_BEGUN} AND process IN ('', ${{process:sqlstring}})
            GROUP BY time, process_title ORDER BY time
            """,
            series="process_title",
            bars=True,
            stacked=True,
        ),
        Panel(
            "Cost by cause",
            "barchart",
            f"""
            SELECT if(root_title = '', 'no signal explains it', root_title) AS cause,
                sum(money_mid) AS cost
            FROM v_costs WHERE {_BEGUN} AND process IN ('', ${{process:sqlstring}})
            GROUP BY cause ORDER BY cost DESC LIMIT 15
            """,
        ),
        Panel(
            "Incidents, the dearest first",
            "table",
            _COSTS.format(
                where="process IN ('', ${process:sqlstring}) AND"
                " ($__timeFilter(started_at) OR incident_state != 'settled')"
            ),
            says="Each range holds the truth nine times out of ten.",
            width=24,
            height=11,
        ),
        Panel(
            "Tools green, business red",
            "table",
            f"""
            SELECT id AS incident, title, started_at, ended_at, state, {LINK_SPAN}
            FROM v_incidents
            WHERE kind = 'business' AND $__timeFilter(started_at) ORDER BY started_at DESC
            """,
            says="Shortfalls that no signal explains.",
            may_be_empty=True,
        ),
        Panel(
            "How the last 24 hours were, and were seen",
            "timeseries",
            metrics={
                "{{process}}: {{part}}": 'toll_perception_seconds{part=~"only_.*|both_red"}',
            },
            unit="s",
        ),
    ],
    [PROCESS],
    since="now-30d",
)

ONE = Board(
    "toll-incident",
    "Incident",
    "One incident: what it costs, what was said of it when, and what there was.",
    [
        Panel(
            "Cost, the middle",
            "stat",
            """
            SELECT currency, sum(money_mid) AS cost FROM v_costs
            WHERE incident = ${incident:sqlstring} AND adds_money GROUP BY currency
            """,
            width=6,
            height=5,
        ),
        Panel(
            "What it is",
            "table",
            f"""
            SELECT id AS incident, title, kind, state, started_at, ended_at, explanation,
                {LINK_SPAN}
            FROM v_incidents WHERE id = ${{incident:sqlstring}}
            """,
            width=18,
            height=5,
        ),
        Panel(
            "What it costs each measure",
            "table",
            _COSTS.format(where="incident = ${incident:sqlstring}"),
            width=24,
            height=6,
        ),
        Panel(
            "What was said of its cost, as time passed",
            "timeseries",
            """
            SELECT toDateTime(as_of, 'UTC') AS time, toFloat64(money_low) AS low,
                toFloat64(money_mid) AS middle, toFloat64(money_high) AS high
            FROM v_estimates
            WHERE incident = ${incident:sqlstring} AND isNotNull(money_mid)
                AND $__timeFilter(as_of) AND (process, measure) = (
                    SELECT process, measure FROM v_costs WHERE incident = ${incident:sqlstring}
                    ORDER BY money_mid DESC LIMIT 1)
            ORDER BY time
            """,
            says="Of the measure that lost most. Live figures are forecasts of what will be lost.",
        ),
        Panel(
            "What there was of its measures",
            "timeseries",
            """
            SELECT $__timeInterval(minute) AS time, concat(process, ': ', measure) AS of,
                sum(units) AS units
            FROM v_units
            WHERE $__timeFilter(minute) AND (process, measure) IN (
                SELECT process, measure FROM v_costs WHERE incident = ${incident:sqlstring})
            GROUP BY time, of ORDER BY time
            """,
            series="of",
        ),
        Panel(
            "Signals around it",
            "table",
            """
            SELECT s.received_at, s.source, s.kind, s.status, s.severity, s.summary, s.started_at
            FROM v_signals AS s
            CROSS JOIN (SELECT started_at AS begun, ended_at AS over FROM v_incidents
                        WHERE id = ${incident:sqlstring}) AS i
            WHERE s.started_at >= i.begun - INTERVAL 1 HOUR
                AND s.started_at <= coalesce(i.over, now()) + INTERVAL 10 MINUTE
            ORDER BY s.started_at
            """,
            says="From an hour before it began, changes too.",
        ),
        Panel(
            "What people corrected",
            "table",
            """
            SELECT made_at, who, action, value, why FROM v_edits
            WHERE incident = ${incident:sqlstring} ORDER BY made_at
            """,
            may_be_empty=True,
        ),
    ],
    [INCIDENT],
    since="now-24h",
)

PROCESSES = Board(
    "toll-process",
    "Process",
    "A process: what it does, what it usually does, and what its incidents cost.",
    [
        Panel(
            "Units, and a week earlier",
            "timeseries",
            """
            SELECT time, concat(measure, if(earlier, ', a week earlier', '')) AS of,
                sum(units) AS units
            FROM (
                SELECT $__timeInterval(minute) AS time, measure, 0 AS earlier, units FROM v_units
                WHERE process IN ('', ${process:sqlstring})
                    AND measure IN ('', ${measure:sqlstring}) AND $__timeFilter(minute)
                UNION ALL
                SELECT $__timeInterval(minute + INTERVAL 7 DAY) AS time, measure, 1, units
                FROM v_units
                WHERE process IN ('', ${process:sqlstring})
                    AND measure IN ('', ${measure:sqlstring})
                    AND minute >= $__fromTime - INTERVAL 7 DAY
                    AND minute <= $__toTime - INTERVAL 7 DAY
            )
            GROUP BY time, of ORDER BY time
            """,
            series="of",
            width=24,
        ),
        Panel(
            "The last hour against what is usual",
            "timeseries",
            metrics={
                "{{process}} {{measure}}": "toll_measure_actual_units",
                "{{process}} {{measure}}, low": "toll_measure_expected_low_units",
                "{{process}} {{measure}}, usual": "toll_measure_expected_units",
                "{{process}} {{measure}}, high": "toll_measure_expected_high_units",
            },
            says="From Toll's own metrics, since Prometheus has been watching.",
        ),
        Panel(
            "Money that came in",
            "timeseries",
            """
            SELECT $__timeInterval(minute) AS time, concat(measure, ' ', currency) AS of,
                toFloat64(sum(amount)) AS money
            FROM v_units
            WHERE process IN ('', ${process:sqlstring}) AND measure IN ('', ${measure:sqlstring})
                AND currency != '' AND $__timeFilter(minute)
            GROUP BY time, of ORDER BY time
            """,
            series="of",
        ),
        Panel(
            "Every status",
            "timeseries",
            """
            SELECT $__timeInterval(v.minute) AS time, concat(v.stream, ': ', v.status) AS of,
                sum(v.count) AS units
            FROM v_minutes AS v
            WHERE $__timeFilter(v.minute) AND v.stream IN (
                SELECT stream FROM v_measures
                WHERE process IN ('', ${process:sqlstring})
                    AND measure IN ('', ${measure:sqlstring}))
            GROUP BY time, of ORDER BY time
            """,
            series="of",
            says="Also what counts as no unit: failed, declined, cancelled.",
            stacked=True,
        ),
        Panel(
            "Usual hours of the week",
            "table",
            """
            SELECT measure, toDayOfWeek(minute) AS day, toHour(minute) AS hour_utc,
                round(sum(units) / count(DISTINCT toStartOfHour(minute))) AS units_an_hour
            FROM v_units
            WHERE process IN ('', ${process:sqlstring}) AND measure IN ('', ${measure:sqlstring})
                AND minute >= $__toTime - INTERVAL 28 DAY AND minute <= $__toTime
            GROUP BY measure, day, hour_utc ORDER BY units_an_hour DESC LIMIT 40
            """,
            says="The mean of four weeks, the busiest hours first: when an outage costs most.",
        ),
        Panel(
            "Its incidents",
            "table",
            _COSTS.format(
                where="process IN ('', ${process:sqlstring})"
                " AND measure IN ('', ${measure:sqlstring}) AND $__timeFilter(started_at)"
            ),
            width=24,
        ),
    ],
    [PROCESS, MEASURE],
    since="now-24h",
)

_BY_PROVIDER = "root_layer = 'provider' AND root IN ('', ${provider:sqlstring})"
PROVIDERS = Board(
    "toll-provider",
    "Provider",
    "What the outages of outside companies cost.",
    [
        Panel(
            "Cost by provider",
            "barchart",
            f"""
            SELECT root_title AS provider, sum(money_mid) AS cost FROM v_costs
            WHERE {_BEGUN} AND {_BY_PROVIDER} GROUP BY provider ORDER BY cost DESC
            """,
        ),
        Panel(
            "Incidents and their length",
            "table",
            """
            SELECT n.title AS provider, countIf(i.id != '') AS incidents,
                sumIf(dateDiff('minute', i.started_at, coalesce(i.ended_at, now())), i.id != '')
                    AS minutes,
                maxIf(dateDiff('minute', i.started_at, coalesce(i.ended_at, now())), i.id != '')
                    AS longest
            FROM v_nodes AS n
            LEFT JOIN (
                SELECT * FROM v_incidents WHERE kind = 'outage' AND $__timeFilter(started_at)
            ) AS i ON n.node = i.root
            WHERE n.layer = 'provider' AND n.node IN ('', ${provider:sqlstring})
            GROUP BY provider ORDER BY minutes DESC
            """,
            says="Outages whose likeliest cause is the provider.",
        ),
        Panel(
            "Cost by week",
            "timeseries",
            f"""
            SELECT toDateTime(toStartOfWeek(started_at, 1), 'UTC') AS time, root_title,
                toFloat64(sum(money_mid)) AS cost
            FROM v_costs WHERE {_BEGUN} AND {_BY_PROVIDER}
            GROUP BY time, root_title ORDER BY time
            """,
            series="root_title",
            bars=True,
            stacked=True,
        ),
        Panel(
            "Which processes they hurt",
            "barchart",
            f"""
            SELECT process_title AS process, sum(money_mid) AS cost FROM v_costs
            WHERE {_BEGUN} AND {_BY_PROVIDER} GROUP BY process ORDER BY cost DESC
            """,
        ),
        Panel(
            "Their incidents",
            "table",
            _COSTS.format(where=f"{_BY_PROVIDER} AND $__timeFilter(started_at)"),
            width=24,
        ),
        Panel(
            "What they said themselves",
            "table",
            """
            SELECT started_at, source, severity, status, summary, url FROM v_signals
            WHERE kind IN ('outage', 'maintenance') AND $__timeFilter(started_at)
            ORDER BY started_at DESC LIMIT 200
            """,
            says="Outages and maintenance as status pages and webhooks reported them.",
            width=24,
            may_be_empty=True,
        ),
    ],
    [PROVIDER],
    since="now-90d",
)

PIPELINE = Board(
    "toll-pipeline",
    "Pipeline health",
    "Whether Toll keeps up: what comes in, how late, what could not be read.",
    [
        Panel(
            "Counted up to",
            "table",
            """
            SELECT topic, partition, lag AS records_behind, read_until,
                dateDiff('second', read_until, now64(3)) AS seconds_ago
            FROM v_pipeline ORDER BY topic, partition
            """,
        ),
        Panel(
            "Events counted",
            "timeseries",
            """
            SELECT $__timeInterval(minute) AS time, stream, sum(events) AS events FROM v_minutes
            WHERE $__timeFilter(minute) GROUP BY time, stream ORDER BY time
            """,
            series="stream",
            stacked=True,
        ),
        Panel(
            "How late events arrive",
            "timeseries",
            """
            SELECT $__timeInterval(received_minute) AS time, stream, max(delay_s) AS delay
            FROM v_arrivals WHERE $__timeFilter(received_minute)
            GROUP BY time, stream ORDER BY time
            """,
            series="stream",
            unit="s",
        ),
        Panel(
            "Signals received",
            "timeseries",
            """
            SELECT $__timeInterval(received_at) AS time, source, count() AS signals FROM v_signals
            WHERE $__timeFilter(received_at) GROUP BY time, source ORDER BY time
            """,
            series="source",
            bars=True,
            stacked=True,
        ),
        Panel(
            "Dead letters by reason",
            "timeseries",
            """
            SELECT $__timeInterval(received_at) AS time, reason, count() AS letters
            FROM v_dead_letters WHERE $__timeFilter(received_at)
            GROUP BY time, reason ORDER BY time
            """,
            series="reason",
            bars=True,
            stacked=True,
        ),
        Panel(
            "Dead letters not replayed",
            "table",
            """
            SELECT received_at, reason, detail, topic, partition, offset, line FROM v_dead_letters
            WHERE replayed_at IS NULL ORDER BY received_at DESC LIMIT 100
            """,
            says="`toll dead-letters` shows their bytes and replays them.",
        ),
        Panel(
            "Behind the log",
            "timeseries",
            metrics={
                "counted so long ago": "toll_pipeline_behind_seconds",
                "{{measure}} of {{process}} ends so long ago": "toll_measure_data_age_seconds",
            },
            unit="s",
        ),
        Panel(
            "Assessments",
            "timeseries",
            metrics={
                "{{instance}} takes": "toll_assess_tick_seconds",
                "active assessors": "sum(toll_assess_active)",
            },
            unit="s",
        ),
        Panel(
            "Records behind, by ingester",
            "timeseries",
            metrics={"{{instance}}": "toll_ingest_lag_records"},
        ),
        Panel(
            "Events a second, by ingester",
            "timeseries",
            metrics={"{{instance}}": "rate(toll_ingest_events_total[5m])"},
        ),
    ],
    since="now-24h",
)

BOARDS = (OVERVIEW, ONE, PROCESSES, PROVIDERS, PIPELINE)
