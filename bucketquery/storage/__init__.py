"""The results of one job in memory: segments, tables, views, selections."""
