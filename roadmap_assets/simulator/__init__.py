"""A server that speaks Gemini's REST protocol, for offline use, tests and benchmarks."""
