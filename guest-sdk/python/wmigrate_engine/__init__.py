"""The Python engine's own parts. A revision imports `wmigrate`, never this."""
