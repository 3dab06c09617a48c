"""Measures Strongroom and its peers side by side: one load generator, real authentication, one run for all.

`make bench` runs it; docs/benchmarks.md tells how to read what it prints.
"""
