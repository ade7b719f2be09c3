-- The streams that are followed.
SELECT DISTINCT toString(stream) AS stream FROM journey_streams ORDER BY stream;
