"""Category, subcategory and path of every topic, read from the roadmap's drawing."""

from roadmap_assets.roadmaps.hierarchy.place import STAGES, Place, place_topics

__all__ = ["STAGES", "Place", "place_topics"]
