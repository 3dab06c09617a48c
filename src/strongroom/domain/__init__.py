"""The rules of Secrets Manager as pure functions on frozen records.

No I/O, no clock, no randomness: `now` and bytes are arguments. Each rule holds its own message text.
"""
