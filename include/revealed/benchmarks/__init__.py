"""Measures of the platform as a whole, printed by `revealed bench`."""
