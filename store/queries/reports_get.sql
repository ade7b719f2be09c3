-- The first issue of a report.
SELECT
    name, media_type, base64Encode(content) AS content_base64,
    toUnixTimestamp64Milli(made_at) AS made_ms
FROM reports
WHERE name = {name:String}
ORDER BY made_at
LIMIT 1;
