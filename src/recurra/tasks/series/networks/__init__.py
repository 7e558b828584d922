"""The networks that forecast: by segments, or step by step."""
