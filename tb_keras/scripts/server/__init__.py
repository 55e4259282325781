"""The web server of tb-serve: its interface and its page."""
