"""Learning roadmaps as clean, enriched tables: Dagster assets and a command line over one core."""
