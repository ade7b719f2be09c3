"""What a Toll process is made of: its parts, its threads, its server, its metrics."""
