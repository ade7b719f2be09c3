-- Incidents that have settled numbers but were never priced live, and are not replayed yet.
SELECT incident
FROM estimates
WHERE incident NOT IN (SELECT incident FROM replays)
GROUP BY incident
HAVING countIf(state = 'live') = 0
ORDER BY incident;
