-- Since when each of some subscribers is told of incidents.
SELECT subscriber, toUnixTimestamp64Milli(min(subscribers.since)) AS since_ms
FROM subscribers
WHERE has({names:Array(String)}, subscriber)
GROUP BY subscriber;
