"""How the process of a script begins and ends."""
