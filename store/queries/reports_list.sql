-- Which reports have been issued.
SELECT name, toString(any(media_type)) AS media_type, toUnixTimestamp64Milli(min(made_at)) AS made_ms
FROM reports
GROUP BY name
ORDER BY name;
