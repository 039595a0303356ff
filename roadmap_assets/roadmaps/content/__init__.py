"""A topic's markdown -> its description and its resources."""
