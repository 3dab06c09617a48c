"""Persistence: one narrow interface, one set of named queries, two databases."""
