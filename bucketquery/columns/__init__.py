"""How results lie in memory: checked columns, segments of them, tables of segments, and the catalogue of jobs."""
