-- The newest generation by which any minute has been counted; 0 before the first.
SELECT max(generation) AS newest FROM minutes;
