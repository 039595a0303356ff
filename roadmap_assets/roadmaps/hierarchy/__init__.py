"""The ancestors of every topic, read from the roadmap's drawing."""

from roadmap_assets.roadmaps.hierarchy.drawing import DEEPEST
from roadmap_assets.roadmaps.hierarchy.trace import STAGES, DrawnPath, trace_topics

__all__ = ["DEEPEST", "STAGES", "DrawnPath", "trace_topics"]
