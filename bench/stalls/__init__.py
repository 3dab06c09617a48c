"""Measures how long callers wait for their answers while something large goes on in the background.

`make stalls` runs it; docs/benchmarks.md tells how to read what it prints.
"""
