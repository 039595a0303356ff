"""Topics in, enrichments out: profiles, batches, the quota, the engine."""
