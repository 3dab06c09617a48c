"""Storms of calls, kill -9 at random moments, and a model that says what must be there afterwards.

`make chaos ARGS="--rounds 200 --seed 7"` runs it long, tests/chaos/test_chaos.py short.

- calls: the calls a client makes, and what a secret must be after each (pure)
- owner: a client that makes them, and remembers what it was told
- people, registrar: what users may do (pure), and a client that gives them access, takes it away, and tries it
- rivals: clients that put values into the same secrets, and what the last one must be
- observer: looks at a secret, and at its replicas
- plant: the nodes, their database, and the ways to kill them
- records: what the rows and the trail must agree with
- campaign: rounds on one data directory, one after the other
"""
