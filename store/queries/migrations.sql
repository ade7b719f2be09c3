-- Which schema files have been applied, with the checksum of their text.
SELECT name, argMin(checksum, applied_at) AS checksum FROM schema_migrations GROUP BY name ORDER BY name;
