-- The newest generation, and who took it.
SELECT generation, holder FROM assess_generations ORDER BY generation DESC LIMIT 1;
