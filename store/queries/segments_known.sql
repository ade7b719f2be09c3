-- How many combinations of segments of a stream are counted apart.
SELECT uniqExact(combination) AS known FROM segment_combinations WHERE stream = {stream:String};
