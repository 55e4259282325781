"""How the scripts read data of your own."""
