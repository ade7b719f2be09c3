-- Follow these streams from now on.
INSERT INTO journey_streams (stream) SELECT arrayJoin({streams:Array(String)});
