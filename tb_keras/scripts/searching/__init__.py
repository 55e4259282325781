"""The queries of tb-search, and the places that it searches."""
