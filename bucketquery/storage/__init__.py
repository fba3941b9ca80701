"""How the results of one job lie in memory: segments, tables, views, selections."""
