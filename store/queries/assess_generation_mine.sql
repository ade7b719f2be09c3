-- The newest generation that a holder took.
SELECT max(generation) AS generation FROM assess_generations WHERE holder = {holder:String};
