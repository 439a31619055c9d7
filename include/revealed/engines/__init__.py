"""Connections to the engines that do the work: DuckDB for relations."""
